"""Train a finished trial again, to the same numbers, and evaluate it on images that no trial holds."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from fitscape.models.starting_weights import StartingWeights
from fitscape.study.config import TrialConfig
from fitscape.study.data import TrialData
from fitscape.study.data.pixels import resized
from fitscape.study.errors import UserError
from fitscape.study.isolated import Crashed, call
from fitscape.study.records import EpochRecord
from fitscape.study.training.classifier import Classifier, make_classifier
from fitscape.study.training.evaluation import ImageResults
from fitscape.study.training.loop import run_trial
from fitscape.study.training.settings import SAFE_FORMAT, Settings
from fitscape.study.training.state import TrialRun


@dataclass(frozen=True)
class Again:
    """What a trial came to when it was trained again."""

    record: EpochRecord  # of its last epoch
    results: ImageResults  # on the other images
    classifier: Classifier


def evaluate_again(
    config: TrialConfig,
    data: TrialData,
    images: Tensor,
    labels: Tensor,
    *,
    settings: Settings,
    weights: StartingWeights | None = None,
) -> Again:
    """Run the trial anew and evaluate its net on other images.

    Same config, device and settings give the same numbers (``run_trial``), so weights need not be kept: the record
    shows whether this is the net that the ledger speaks of.

    Args:
        images: uint8 [N, C, H, W], as they were prepared: they become the size of the trial's.
        labels: int64 [N].
        weights: that the trial starts from.
    """
    data = data.of_trial(config)
    if config.data.image_size is not None:
        images = torch.from_numpy(resized(images.numpy(), config.data.image_size))
    for progress in run_trial(config, data, settings=settings, weights=weights):
        last = progress
    trial = TrialRun(config, data, settings, weights)
    trial.restore(last.checkpoint())
    with trial.as_measured():
        classifier = make_classifier(config, data, trial.model.state_dict(), weights)
    return Again(last.record, trial.evaluate_on(images, labels), classifier)


def train_again(
    config: TrialConfig,
    data: TrialData,
    images: Tensor,
    labels: Tensor,
    *,
    settings: Settings,
    weights: StartingWeights | None = None,
) -> Again:
    """``evaluate_again`` in a process of its own: one whose kernels crash is tried once more in the safe layout.

    Raises:
        UserError: it crashes in that one too.
    """
    for layout in (settings.memory_format, SAFE_FORMAT):
        try:
            chosen = replace(settings, memory_format=layout)
            return call(evaluate_again, config, data, images, labels, settings=chosen, weights=weights)
        except Crashed as error:
            crash = str(error)
    raise UserError(crash, where=f"trial {config.trial_id}", fix="run it on another machine, or leave it out")
