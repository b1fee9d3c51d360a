"""The study as it stood at earlier epochs, where that says something."""

from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np

from fitscape.study.opened import OpenStudy
from fitscape.study.records import TrialRecord, TrialState
from fitscape.study.regimes.replicates import finite
from fitscape.study.report.subject import Subject

EARLIER: Final = 3  # stages before the end


class EpochStage(NamedTuple):
    """``epoch`` None is the end of every trial."""

    epoch: int | None
    subject: Subject


def stages(subject: Subject) -> list[EpochStage]:
    """Log-spaced epochs and the end, last.

    Only where every trial kept its learning rate: under a schedule, epoch t of a long run is not a run of t
    epochs. Nor where epochs are a hyperparameter, which the map has as an axis already.
    """
    ran = [t for t in subject.trials if t.epochs]
    steady = all(t.config.optimization.schedule == "constant" for t in ran)
    longest = max((len(t.epochs) for t in ran), default=0)
    if subject.map is None or not steady or "epochs" in subject.space or longest < 4:
        return [EpochStage(None, subject)]
    epochs = np.unique(np.rint(np.geomspace(1, longest, EARLIER + 2)[1:-1]).astype(int))
    earlier = [EpochStage(int(e), Subject(_as_of(subject, int(e)))) for e in epochs]
    return [stage for stage in earlier if stage.subject.map] + [EpochStage(None, subject)]


def _as_of(subject: Subject, epoch: int) -> OpenStudy:
    """The study of the trials that reached an epoch, judged against the reference of the whole one."""
    assert subject.map is not None
    study = OpenStudy(subject.study.folder, subject.study.ledger)
    study.trials = [_cut(t, epoch) for t in subject.trials]
    regimes = study.config.regimes.model_copy(update={"reference_error": subject.map.cuts.reference})
    study.config = study.config.model_copy(update={"regimes": regimes})
    return study


def _cut(trial: TrialRecord, epoch: int) -> TrialRecord:
    epochs = tuple(e for e in trial.epochs if e.epoch <= epoch)
    if epochs and epochs[-1].epoch == epoch and finite(epochs[-1]):
        return replace(trial, epochs=epochs, state=TrialState.FINISHED, late=None)
    if trial.state is TrialState.DIVERGED:
        return replace(trial, epochs=epochs)
    return replace(trial, epochs=epochs, state=TrialState.PENDING)
