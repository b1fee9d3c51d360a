"""A study in a notebook: what it shows of itself, and its figures."""

from pathlib import Path

import pytest
from small_study import small_study
from strangers import landscape

import fitscape
from fitscape.study.errors import UserError


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> fitscape.Study:
    """Of somebody's runs, read from Python."""
    root = tmp_path_factory.mktemp("runs")
    return fitscape.read(landscape(40), "theirs", root, classes=10, val_n=2000, guess=True)


def test_a_study_a_map_and_a_finding_show_themselves_as_html(study: fitscape.Study, tmp_path: Path) -> None:
    assert "theirs: 40 of 40 trials ended" in study._repr_html_()
    assert "<th>good</th>" in study.map._repr_html_()
    ours = fitscape.open_study(small_study(tmp_path, "<b>"[1:2]))
    assert "<th>good</th>" in ours._repr_html_()
    assert all("<p><b>" in finding._repr_html_() for finding in ours.findings)


def test_the_recommendation_is_a_sentence_and_numbers(study: fitscape.Study) -> None:
    found = study.recommendation
    assert found.point.keys() == study.space.keys()
    assert 1e-3 < found.point["lr"] < 1e-1
    assert found.low < found.val_error < found.high < 0.2
    assert str(found).startswith("Use the network at ")
    assert "<table>" in found._repr_html_()


def test_the_map_predicts_a_frame_of_points(study: fitscape.Study) -> None:
    told = study.map.predict(study.table()[["lr", "weight_decay", "optimizer"]])  # what is absent is in the middle
    assert len(told) == 40
    assert told[["diverged", "untrained", "good", "overfit", "underfit"]].sum(axis=1).to_numpy() == pytest.approx(1)
    points = [{"lr": 0.01, "optimizer": "sgd"}, {"lr": 1e-4}]
    by_point, by_column = (
        study.map.predict(given) for given in (points, {"lr": [0.01, 1e-4], "optimizer": ["sgd", None]})
    )
    assert by_point.equals(by_column)
    with pytest.raises(UserError, match=r"points: no column is one of lr, weight_decay, layers, optimizer \(there is"):
        study.map.predict([{"learning_rate": 0.01}])


def test_the_map_is_drawn_over_the_hyperparameters_that_are_named(study: fitscape.Study) -> None:
    figure = study.plot_map("weight_decay", "lr", at={"layers": 2})
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == ("weight decay", "learning rate")
    assert "layers 2" in figure.layout.title.text
    assert sum(len(trace.x) for trace in figure.data if trace.type == "scatter") == 40
    assert study.plot_map().layout.xaxis.title.text == "learning rate"  # the one that matters most
    with pytest.raises(UserError, match="choose from lr, weight_decay, layers"):
        study.plot_map("optimizer")
    with pytest.raises(UserError, match=r"at\['optimizer'\]: 'lion' is outside the study's space"):
        study.plot_map(at={"optimizer": "lion"})
    with pytest.raises(UserError, match="tau is 5, and it is between 0 and 1"):
        study.plot_map(tau=5)


def test_curves_and_gap_have_a_trace_for_each_regime(study: fitscape.Study) -> None:
    regimes = {label.regime.value for label in study.labels.values()}
    assert {trace.name for trace in study.plot_gap().data} == {*regimes, "no gap"}
    first = study.trials[0].trial_id
    assert len(study.plot_curves([first]).data) == 2
    assert len(study.plot_curves(first).data) == 2
    assert not study.plot_curves([]).data
    with pytest.raises(UserError, match="no trial 'nonsense'"):
        study.plot_curves(["nonsense"])


def test_reading_guesses_only_where_that_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="guessed train='train_error', val='val_error', params="):
        fitscape.read(landscape(4), "theirs", tmp_path, classes=10)
    assert not list(tmp_path.iterdir())
