"""What a running study has come to."""

from pathlib import Path

from hand_made import make_epoch

from fitscape.study.cli.lines import standing
from fitscape.study.cli.summary import lines, summarize
from fitscape.study.cli.tally import Tally
from fitscape.study.config import StudyConfig
from fitscape.study.ledger import Ledger
from fitscape.study.opened import open_study
from fitscape.study.records import TrialState


def test_the_best_trial_is_that_of_the_studys_metric_and_its_error_is_named(tmp_path: Path) -> None:
    config = StudyConfig.model_validate({"name": "rare", "data": {"metric": "balanced_error"}})
    provenance = {"data_fingerprint": "x", "chance_error": 0.5, "data": {"classes": ["a", "b"]}}
    with Ledger.create(tmp_path / "ledger.db", config, provenance) as ledger:
        for seed, (plain, balanced) in enumerate(((0.02, 0.5), (0.1, 0.3))):
            measured = {f"val_balanced_error{half}": balanced for half in ("", "_a", "_b")}
            measured |= {"train_balanced_error": 0.0, "train_balanced_n": 100.0, "val_balanced_n": 100.0}
            trial = ledger.add_trial(config.base.with_hyperparameters({"seed": seed}), {"seed": seed}, "sobol").trial_id
            ledger.start_attempt(trial, "here", "cpu")
            ledger.record_epoch(trial, make_epoch(0.0, plain, **measured))
            ledger.end_trial(trial, TrialState.FINISHED)
    tally = Tally(tmp_path, total=2)
    tally.read()
    assert tally.best.config.seed == 1
    assert "best balanced validation error 0.3000" in standing(tally)
    assert any(
        line.startswith("best     balanced validation error 0.3000") for line in lines(summarize(open_study(tmp_path)))
    )
