"""How much a net was trained: steps of the optimizer, and passes over its images. An epoch may be either."""

import math

from fitscape.study.config import TrialConfig
from fitscape.study.records import TrialRecord
from fitscape.study.report import wording
from fitscape.study.report.subject import Subject


def _images(subject: Subject, config: TrialConfig) -> float:
    """That a trial trains on; 0 where that is not known."""
    images = subject.provenance.get("data", {}).get("images", {}).get("train", 0)
    return 0.0 if config.model.read or config.trial else float(images) * config.data.train_fraction


def planned(subject: Subject, config: TrialConfig) -> tuple[int, float] | None:
    """Steps and passes of a trial that runs to its end; None where they are not known."""
    images, how = _images(subject, config), config.optimization
    if not images:
        return None
    steps = how.epochs * (how.steps_per_epoch or math.ceil(images / how.batch_size))
    return steps, how.epochs if how.steps_per_epoch is None else steps * how.batch_size / images


def most_images(config: TrialConfig) -> float:
    """That a trial can see, each once: its steps times its batch. Infinite where an epoch is a pass, so that more
    images are more steps, and where the loop is somebody else's."""
    how = config.optimization
    if how.steps_per_epoch is None or config.model.read or config.trial:
        return math.inf
    return float(how.epochs * how.steps_per_epoch * how.batch_size)


def done(subject: Subject, trial: TrialRecord) -> tuple[int | None, float | None]:
    """Steps and passes of a trial as far as it came; None where they are not known."""
    images = _images(subject, trial.config)
    if trial.last is None or not images:
        return None, None
    whole = trial.config.optimization.steps_per_epoch is None
    seen = trial.last.epoch if whole else trial.last.step * trial.config.optimization.batch_size / images
    return trial.last.step, float(f"{seen:.2g}")


def in_words(steps: int, seen: float) -> str:
    """``108 steps, 0.69 passes over its images``."""
    passes = wording.number(float(f"{seen:.2g}"), 2)
    return f"{steps:,} step{'s' if steps != 1 else ''}, {passes} pass{'es' if passes != '1' else ''} over its images"
