"""Train some trials of a study again and compare every number: `python -m tools.repeat_trials FOLDER --trials 6`.

The trials run in this process, without Ray, with the precision and memory layout that the study chose.
"""

import argparse
from pathlib import Path

from fitscape.study.data import load
from fitscape.study.ledger import SETTINGS
from fitscape.study.opened import open_study
from fitscape.study.records import EpochRecord, TrialState
from fitscape.study.training import Settings, run_trial

# Clocks and counters of the machine aside, a record is a function of its trial's configuration.
MEASURED = ("train_loss", "train_error", "val_loss", "val_error", "batch_loss", "gradients", "gradient_ratio")


def differences(first: EpochRecord, second: EpochRecord) -> list[str]:
    """Names of the numbers that are not equal, to the last bit."""
    return [name for name in MEASURED if repr(getattr(first, name)) != repr(getattr(second, name))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--trials", type=int, default=6)
    given = parser.parse_args()
    study = open_study(given.folder)
    kept = study.ledger.get_meta(SETTINGS)
    settings = Settings(precision=kept["precision"], memory_format=kept["memory_format"])
    data = load(study.config.data).trial_data
    finished = [t for t in study.trials if t.state is TrialState.FINISHED]
    unequal = 0
    for trial in finished[:: max(1, len(finished) // given.trials)][: given.trials]:
        again = [progress.record for progress in run_trial(trial.config, data, settings=settings)]
        found = sorted({name for a, b in zip(trial.epochs, again, strict=True) for name in differences(a, b)})
        unequal += bool(found)
        told = f"differs in {', '.join(found)}" if found else "equal"
        print(f"{trial.trial_id} {trial.config.model.name} seed {trial.config.seed}: {told}")
    raise SystemExit(1 if unequal else 0)


if __name__ == "__main__":
    main()
