"""What the page says of a cheaper net that is as good."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hand_made import noisy_epoch
from report_studies import SIMULATED_PROVENANCE, sobol_points

from fitscape.study.config import StudyConfig
from fitscape.study.ledger import Ledger
from fitscape.study.opened import open_study
from fitscape.study.records import TrialState
from fitscape.study.report import build
from fitscape.study.report.sections.recommendation import recommendation
from fitscape.study.report.subject import Subject


def studied(folder: Path, **facts: Any) -> Subject:
    """ResNet18s that are as good from a width of a quarter on."""
    space = {"width": {"low": 0.125, "high": 1, "log": True}}
    config = StudyConfig.model_validate({"name": "cheap", "space": space})
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


def test_a_cheaper_net_is_named_with_what_it_costs(page: tuple[dict[str, Any], str]) -> None:
    advice, text = page
    cheaper = advice["cheaper"]
    assert cheaper["net"] == "ResNet18"
    assert [name for name, _, _ in cheaper["costs"]] == ["parameters", "operations an image", "to train it here"]
    assert all(cost != before for _, cost, before in cheaper["costs"])
    assert "As good: <b>ResNet18</b>" in text


def test_the_recommendation_comes_in_the_order_of_a_readers_questions(page: tuple[dict[str, Any], str]) -> None:
    """What to use, its errors and their gap, how sure, at what cost, what next, what is cheaper."""
    advice, text = page
    card = text[text.index('id="recommendation"') : text.index('id="words"')]
    order = ("Use <b>", "Validation error", "Training error", "Gap", "How sure", "One such net has", "What to do next")
    places = [card.index(part) for part in (*order, "Cheaper")]
    assert places == sorted(places)
    assert float(advice["gap"].split()[0]) > 0  # the training error is half of it
    assert set(advice["unknown"]) == {"more data", "more regularization", "longer training"}
    assert all(move["time"].startswith("about ") for move in advice["moves"])


def test_without_the_images_shape_nothing_is_said_of_costs(tmp_path: Path) -> None:
    assert recommendation(studied(tmp_path))["advice"]["cheaper"] is None
