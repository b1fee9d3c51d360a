"""What a net says of each validation image, as it is kept of every trial that has ended."""

import numpy as np
import torch

from fitscape.study.records import Predictions
from fitscape.study.training.evaluation import ImageResults


def predictions(validation: ImageResults, classes: int) -> Predictions:
    """The evaluation's predictions; an image whose loss is not finite gets no class, so that it counts as wrong."""
    known = validation.losses.isfinite()
    predicted = torch.where(known, validation.predictions, classes)
    confidences = torch.where(known, validation.confidences, 0.0)
    return Predictions(classes=predicted.numpy().astype(np.uint16), confidences=confidences.numpy().astype(np.float32))
