"""Studies that are asked and told without running anything."""

from fitscape.study.config import SearchConfig, StudyConfig
from fitscape.study.records import EpochRecord, TrialRecord, TrialState
from fitscape.study.search import Asker, Suggestion

SPACE = {"width": {"low": 0.125, "high": 1.0, "log": True}, "depth": {"choices": [18, 34]}}


def study(**search: object) -> StudyConfig:
    """A study of two hyperparameters."""
    return StudyConfig(name="s", space=SPACE, search=SearchConfig(**search))  # type: ignore[arg-type]


def record(number: int, suggestion: Suggestion, state: TrialState = TrialState.FINISHED) -> TrialRecord:
    """What a ledger keeps of a suggestion that was run."""
    epoch = EpochRecord(
        epoch=1, step=1, time=0.0, train_loss=1.0, train_error=0.3, val_loss=1.0, val_error=0.4, train_n=100,
        val_n=100, val_loss_a=1.0, val_loss_b=1.0, val_error_a=0.4, val_error_b=0.4, batch_loss=1.0,
        learning_rate=0.1, train_seconds=1.0, eval_seconds=0.1, images_per_second=1.0, peak_memory_mib=1.0,
    )  # fmt: skip
    return TrialRecord(
        number=number, trial_id=suggestion.config.trial_id, config=suggestion.config,
        hyperparameters=suggestion.hyperparameters,
        origin=suggestion.origin, state=state, epochs=(epoch,),
    )  # fmt: skip


def drain(config: StudyConfig, known: list[TrialRecord], limit: int = 10_000) -> list[TrialRecord]:
    """Run to the end: everything asked is finished at once."""
    asker = Asker(config, known, chance_error=0.9)
    trials = list(known)
    while len(trials) < limit and (suggestion := asker.ask()) is not None:
        trials.append(record(len(trials), suggestion))
        asker.tell(trials[-1])
    return trials


def even_part(trials: list[TrialRecord]) -> list[dict[str, object]]:
    """Hyperparameters of what the Sobol design drew."""
    return [t.hyperparameters for t in trials if t.origin == "sobol"]
