"""Clean errors beside those that a loop of somebody else's logs: eval mode, no augmentation, training left as it was.

A training error that is averaged over an epoch is of augmented images, with dropout on, under weights that still
change. Its distance to the validation error is no generalization gap. Here both errors are measured alike, with batch
norm's statistics re-estimated as the engine's own evaluations do it (`study.training.batch_norm`).
"""

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fitscape.study.errors import UserError
from fitscape.study.records import CLEAN
from fitscape.study.training.batch_norm import reestimated
from fitscape.study.training.evaluation import ImageResults, evaluation_of, judged
from fitscape.study.training.given_images import GivenImages, Images, given_images, labelled


def log_clean_errors(
    model: nn.Module,
    train_subset: Images,
    val: Images,
    *,
    log: Callable[[dict[str, float]], object] | None = None,
    logged_train_error: float | None = None,
    logged_val_error: float | None = None,
    batch_size: int = 128,
) -> dict[str, float]:
    """Measure training and validation error alike, and log them beside the usual ones.

    Weights, gradients, buffers, modes (train or eval), and the random generators of torch, numpy and Python are
    afterwards what they were, to the bit: training goes on as if nothing had been measured. Layers that are in eval
    mode while the model is in train mode count as frozen, and keep their statistics. The caller's autocast applies.

    Logged are ``clean_train_error`` and ``clean_val_error`` (0 to 1), their cross-entropies ``clean_train_loss`` and
    ``clean_val_loss``, the images behind them ``clean_train_n`` and ``clean_val_n``, and ``clean_gap``, validation less
    training error. With ``logged_train_error`` also ``logged_gap``, and ``gap_artefact``, which is ``logged_gap`` minus
    ``clean_gap``: how much of the logged gap is an artefact, below 0 where the gap is larger than logged.

    Args:
        model: images float [B, ...] -> logits [B, classes]; a module, or a LightningModule.
        train_subset: some training images as validation has them, without augmentation: a DataLoader, a Dataset of
            (image, label), a pair of tensors [N, ...] and [N], or an iterable of batches. A few thousand do.
        val: the validation images, in the same forms.
        log: gets the numbers, once: ``print``, Lightning's ``self.log_dict``,
            ``lambda found: mlflow.log_metrics(found, step=epoch)``. None: nothing is logged.
        logged_train_error: the training error that the loop logs by itself, 0 to 1.
        logged_val_error: the validation error that it logs by itself; None: the clean one.
        batch_size: images of a batch, where the images come without one.

    Returns:
        The numbers that were logged, by key.

    Raises:
        UserError: images that are augmented, used up after one pass, or have no labels; an output that is no logits.
    """
    parts = {"train": (train_subset, "train_subset"), "val": (val, "val")}
    with _left_as_it_was(model, [part for part, _ in parts.values()]):
        device = next((t.device for t in chain(model.parameters(), model.buffers())), torch.device("cpu"))
        given = {part: given_images(images, name, batch_size) for part, (images, name) in parts.items()}
        statistics = (labelled(batch, "train_subset")[0].to(device) for batch in given["train"].sample())
        with reestimated(model, statistics, _without_gradient()):
            model.eval()
            found = {part: _measured(model, images, device) for part, images in given.items()}
    numbers = {
        f"{CLEAN}{part}_{name}": value
        for part, one in found.items()
        for name, value in (("error", one.error()), ("loss", one.loss()), ("n", float(len(one.wrong))))
    }
    gap = numbers[f"{CLEAN}gap"] = found["val"].error() - found["train"].error()
    if logged_train_error is not None:
        validation = found["val"].error() if logged_val_error is None else float(logged_val_error)
        numbers["logged_gap"] = validation - float(logged_train_error)
        numbers["gap_artefact"] = numbers["logged_gap"] - gap
    if log is not None:
        log(dict(numbers))
    return numbers


def _measured(model: nn.Module, images: GivenImages, device: torch.device) -> ImageResults:
    rows: list[Tensor] = []
    with _without_gradient():
        for batch in images.batches():
            pixels, labels = labelled(batch, images.name)
            output = model(pixels.to(device))
            logits = getattr(output, "logits", output)
            if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != len(labels):
                shape = list(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
                what = f"gives {shape} for {len(labels)} images, and logits [{len(labels)}, classes] are needed"
                raise UserError(what, where="model")
            rows.append(judged(logits.float(), labels.to(device)))
    if not sum(row.shape[1] for row in rows):
        raise UserError("holds no image", where=images.name)
    return evaluation_of(torch.cat(rows, dim=1).cpu())


@contextmanager
def _without_gradient() -> Iterator[None]:
    """Not inference mode: what a foreign model caches in it (masks, tables of positions) could not be trained with."""
    with torch.inference_mode(False), torch.no_grad():
        yield


@contextmanager
def _left_as_it_was(model: nn.Module, images: Iterable[Any]) -> Iterator[None]:
    """Inside, anything may be done to modes, buffers and generators; afterwards they are as before."""
    modes = [(module, module.training) for module in model.modules()]
    buffers = [
        (module._buffers, name, buffer, buffer.detach().clone())
        for module in model.modules()
        for name, buffer in module._buffers.items()
        if buffer is not None
    ]
    holders = [holder for one in images for holder in (one, getattr(one, "sampler", None))]
    streams = [g for holder in holders if isinstance(g := getattr(holder, "generator", None), torch.Generator)]
    states = [stream.get_state() for stream in streams]
    python, legacy = random.getstate(), np.random.get_state()
    cards = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    try:
        with torch.random.fork_rng(devices=cards):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)
        for stream, state in zip(streams, states, strict=True):
            stream.set_state(state)
        with _without_gradient():
            for home, name, buffer, value in buffers:
                home[name] = buffer.copy_(value)
        for module, training in modes:
            module.training = training
