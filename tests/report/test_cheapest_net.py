"""What the page says of a cheaper net that is as good."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hand_made import make_epoch, make_trial, noisy_epoch
from report_studies import SIMULATED_PROVENANCE, sobol_points

from fitscape.study.config import StudyConfig
from fitscape.study.ledger import Ledger
from fitscape.study.maps.foretold import Foretold
from fitscape.study.opened import open_study
from fitscape.study.records import TrialRecord, TrialState
from fitscape.study.report import build, language
from fitscape.study.report.expense import Expense
from fitscape.study.report.page import render
from fitscape.study.report.sections.longer import longer
from fitscape.study.report.sections.recommendation import recommendation
from fitscape.study.report.sections.trained import measurements, trained
from fitscape.study.report.subject import Subject
from fitscape.study.report.wording import duration, percent

KOREAN = language.catalogue("ko")


def studied(
    folder: Path, *, search: dict[str, Any] | None = None, own: dict[str, Any] | None = None, **facts: Any
) -> Subject:
    """ResNet18s, or what a loop of the user's own trains, that are as good from a width of a quarter on."""
    space = {"width": {"low": 0.125, "high": 1, "log": True}}
    config = StudyConfig.model_validate({"name": "cheap", "space": space, "search": search or {}, **(own or {})})
    rng = np.random.default_rng(0)
    provenance = {**SIMULATED_PROVENANCE, "data": {**SIMULATED_PROVENANCE["data"], **facts}}
    with Ledger.create(folder / "ledger.db", config, provenance) as ledger:
        for point in sobol_points(config, 32):
            trial = ledger.add_trial(config.base.with_hyperparameters(point), point, "sobol")
            ledger.start_attempt(trial.trial_id, "here", "cpu")
            val = 0.05 * float(np.exp(max(0.0, 1.2 * np.log2(0.25 / point["width"]))))
            record = noisy_epoch(
                rng, val / 2, val, epoch=1, train_sd=0.05, val_sd=0.05, train_seconds=4 * point["width"]
            )
            ledger.record_epoch(trial.trial_id, record)
            ledger.end_trial(trial.trial_id, TrialState.FINISHED)
    return Subject(open_study(folder))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    folder = tmp_path_factory.mktemp("cheap")
    advice = recommendation(studied(folder, input_shape=[1, 8, 8]))["advice"]
    return advice, build(folder).read_text()


def test_a_study_that_was_ended_early_is_to_be_finished_first(page: tuple[dict[str, Any], str], tmp_path: Path) -> None:
    assert page[0]["unfinished"] is None
    subject = studied(tmp_path, input_shape=[1, 8, 8], search={"trials": 80})
    assert recommendation(subject)["advice"]["unfinished"] == {"ended": 32, "trials": 80, "name": "cheap"}
    assert "Only 32 of its 80 trials have ended" in build(tmp_path).read_text()


def test_a_cheaper_net_is_named_beside_the_recommended_one_with_what_it_is_cheaper_in(
    page: tuple[dict[str, Any], str],
) -> None:
    advice, text = page
    first, *others = advice["cheaper"]["rows"]
    assert first["why"] == "recommended"
    assert ", ".join(row["why"] for row in others) == "fewest parameters, fewest operations, quickest to train"
    for row in others:
        assert row["net"] == "ResNet18"
        assert all(row["costs"][name] != first["costs"][name] for name in ("parameters", "operations an image"))
    assert "Cheaper nets beside the recommended one" in text


def test_the_nets_of_a_loop_of_the_users_own_are_timed_and_not_built(tmp_path: Path) -> None:
    """Their family names the loop, which a report must not call."""
    own = {
        "plugins": ["loop.py"],
        "base": {"trial": "loop.py:run", "model": {"family": "loop.py:run", "keywords": {"width": 1.0}}},
    }
    subject = studied(tmp_path, own=own, input_shape=[1, 8, 8])
    advice = recommendation(subject)["advice"]
    assert (advice["costs"], advice["cheaper"]) == ({}, None)
    assert Expense(subject).spent(subject.point(subject.trials[0])) is not None


def test_training_times_are_those_that_the_same_or_the_nearest_runs_took(tmp_path: Path) -> None:
    subject = studied(tmp_path, input_shape=[1, 8, 8])
    expense, ran = Expense(subject), subject.trials[0]
    width = ran.config.model.width
    same = expense.spent(subject.point(ran))
    assert same is not None
    assert (same.same, same.runs, same.seconds) == (True, 1, ran.seconds)
    near = expense.spent({"width": 1.01 * width})
    assert near is not None
    assert (near.same, near.runs) == (False, 5)
    assert near.low <= near.seconds <= near.high
    assert near.seconds == pytest.approx(4 * width, rel=0.2), "a second for each quarter of the width was planted"
    assert str(near).endswith("scaled by operations from the 5 nearest runs)")
    assert (near.between.split(", ")[1], same.between) == ("scaled", "1 run")


def test_whether_the_recommended_net_was_trained_is_said(tmp_path: Path) -> None:
    subject = studied(tmp_path, input_shape=[1, 8, 8])
    fitted, ran = subject.map, subject.trials[3]
    assert fitted is not None
    exact = trained(subject, fitted, subject.point(ran), 0.99)
    assert exact is not None
    assert (exact["exact"], exact["runs"]) == (True, [ran.number])
    near = trained(subject, fitted, {"width": 1.001 * ran.config.model.width}, 0.0)
    assert near is not None
    assert (near["exact"], near["runs"], near["as_good"]) == (False, [ran.number], True)
    assert near["error"] == exact["error"] == percent(ran.last.val_error if ran.last else None)


@pytest.mark.parametrize(("epochs", "train_error", "first"), [(6, 0.14, True), (6, 0.02, False), (60, 0.14, False)])
def test_longer_training_comes_first_where_nets_saw_few_passes_and_training_error_is_missing(
    epochs: int, train_error: float, first: bool, tmp_path: Path
) -> None:
    subject = studied(tmp_path)
    optimization = subject.config.base.optimization.model_copy(
        update={"epochs": epochs, "steps_per_epoch": 240, "batch_size": 64}
    )
    subject.config = subject.config.model_copy(
        update={"base": subject.config.base.model_copy(update={"optimization": optimization})}
    )
    subject.provenance = {**subject.provenance, "data": {"images": {"train": 36_000}}}
    said = longer(subject, {"width": 0.5}, train_error, 0.19)
    assert said is not None
    assert said["first"] is first
    assert said["seen"] == f"{240 * epochs:,} steps, {'2.6' if epochs == 6 else '26'} passes over its images"


def test_the_time_of_twice_the_steps_is_said_where_it_is_known(tmp_path: Path) -> None:
    subject = studied(tmp_path, input_shape=[1, 8, 8], images={"train": 36_000, "validation": 4000})
    ran = subject.trials[0]
    said = longer(subject, subject.point(ran), 0.14, 0.19)
    assert said is not None
    assert said["twice"] == f"about {duration(float(f'{2 * ran.seconds:.2g}'))}"
    assert KOREAN(f"Twice the steps take {said['twice']} a run.").endswith("걸립니다.")


def test_the_recommendation_comes_in_the_order_of_a_readers_questions(page: tuple[dict[str, Any], str]) -> None:
    """What to use, its errors and their gap, how sure, at what cost, what next, what is cheaper."""
    advice, text = page
    card = text[text.index('id="recommendation"') : text.index('id="words"')]
    order = ("Use <b>", "Validation error", "Training error", "Gap", "How sure", "One such net has", "What to do next")
    places = [card.index(part) for part in (*order, "Cheaper")]
    assert places == sorted(places)
    assert float(advice["gap"].split()[0]) > 0  # the training error is half of it
    assert set(advice["unknown"]) == {
        "more data",
        "more regularization (weight decay)",
        "another learning rate",
        "longer training",
    }
    assert all(move["time"].startswith("about ") for move in advice["moves"])


@pytest.mark.parametrize(("score", "unproven"), [(-1.0, True), (0.05, True), (0.5, False)])
def test_a_map_that_predicted_no_better_than_the_mean_is_not_to_be_relied_on_and_the_box_says_so(
    score: float, unproven: bool, tmp_path: Path
) -> None:
    subject = studied(tmp_path)
    subject.foretold = Foretold(n=12, inside=10, log_score=score, blind=0.0)
    text = render(subject)
    box = text[text.index("How sure") : text.index("What to do next")]
    assert ("The model behind it did not predict new trials better than their mean" in box) is unproven


def test_without_the_images_shape_nothing_is_said_of_costs(tmp_path: Path) -> None:
    assert recommendation(studied(tmp_path))["advice"]["cheaper"] is None


def test_what_was_measured_stands_beside_what_is_expected_with_its_runs_and_its_interval(tmp_path: Path) -> None:
    """Of four widths with five seeds each, the two wide ones are good and the narrower of them is cheaper."""
    config = StudyConfig.model_validate({"name": "seeds", "space": {"width": {"choices": [0.125, 0.25, 0.5, 1.0]}}})
    rng = np.random.default_rng(0)
    errors: dict[float, list[float]] = {}
    data = {**SIMULATED_PROVENANCE["data"], "input_shape": [1, 8, 8]}
    with Ledger.create(tmp_path / "ledger.db", config, {**SIMULATED_PROVENANCE, "data": data}) as ledger:
        for width in (0.125, 0.25, 0.5, 1.0):
            for seed in range(5):
                point = {"width": width, "seed": seed}
                trial = ledger.add_trial(config.base.with_hyperparameters(point), point, "sobol")
                ledger.start_attempt(trial.trial_id, "here", "cpu")
                val = 0.3 if width < 0.5 else 0.05
                record = noisy_epoch(rng, val / 2, val, epoch=1, train_sd=0.05, val_sd=0.05)
                ledger.record_epoch(trial.trial_id, record)
                ledger.end_trial(trial.trial_id, TrialState.FINISHED)
                errors.setdefault(width, []).append(record.val_error)
    cheaper = recommendation(Subject(open_study(tmp_path)))["advice"]["cheaper"]
    assert [row["setting"] for row in cheaper["rows"]] == ["width 1", "width 0.5"]
    for row, width in zip(cheaper["rows"], (1.0, 0.5), strict=True):
        assert row["measured"]["error"] == percent(float(np.mean(errors[width])))
        assert row["measured"]["runs"] == 5
        low, high = (float(end.split("\u00a0")[0]) / 100 for end in row["measured"]["interval"].split(" to "))
        assert 0.03 < low < np.mean(errors[width]) < high < 0.08
    text = build(tmp_path).read_text()
    assert text.count('<span class="small soft">5 runs</span>') == 2
    assert f"on {cheaper['images']} validation images" in text


def test_a_measured_error_counts_the_runs_that_broke_down_and_is_wider_for_one_run() -> None:
    def ran(width: float, seed: int, state: TrialState = TrialState.FINISHED) -> TrialRecord:
        return make_trial({"width": width, "seed": seed}, make_epoch(0.01, 0.05), state=state)

    trials = [*(ran(0.5, seed) for seed in range(4)), ran(0.5, 4, TrialState.DIVERGED), ran(1.0, 0)]
    four, one = (measurements(trials, 0.0)[t.config.group_id] for t in (trials[0], trials[-1]))
    assert (four["runs"], four["diverged"], one["runs"], one["diverged"]) == (4, 1, 1, 0)
    assert four["error"] == one["error"] == "5.0\u00a0%"
    (least, most), (lower, upper) = (
        (float(end.split("\u00a0")[0]) for end in told["interval"].split(" to ")) for told in (four, one)
    )
    assert lower < least < 5 < most < upper


def test_a_cheaper_net_that_was_not_trained_says_so(page: tuple[dict[str, Any], str]) -> None:
    advice, text = page
    unmeasured = [row for row in advice["cheaper"]["rows"] if row["measured"] is None]
    assert unmeasured
    assert text.count('<span class="soft">not run</span>') == len(unmeasured)
