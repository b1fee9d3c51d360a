"""Two studies compared by the public function, on planted studies and on small ones made by hand."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.statistics.comparisons import versus
from fitscape.study.api.study import Study
from fitscape.study.comparing import compare
from fitscape.study.comparing.areas import _surely_changed
from fitscape.study.comparing.common_space import common_space
from fitscape.study.comparing.configuration import differences
from fitscape.study.comparing.held_out import held_out
from fitscape.study.config import StudyConfig
from fitscape.study.errors import UserError
from fitscape.study.ledger import Ledger
from fitscape.study.opened import OpenStudy, open_study
from fitscape.study.records import ImageSet


def hand_made(
    folder: Path, validation: list[int], train: list[int], classes: str = "ab", **config: object
) -> OpenStudy:
    """A study without trials whose images are named by their hashes; even ones show ``a``."""
    folder.mkdir(parents=True)
    provenance = {"data_fingerprint": "x", "chance_error": 0.5, "data": {"classes": list(classes)}}
    given = StudyConfig.model_validate({"name": folder.name, "space": {"width": {"low": 0.1, "high": 1}}} | config)

    def images(hashes: list[int]) -> ImageSet:
        shown = [classes.index("ab"[h % 2]) for h in hashes]
        return ImageSet(hashes=np.array(hashes, dtype=np.uint64), labels=np.array(shown, dtype=np.uint16))

    with Ledger.create(folder / "ledger.db", given, provenance) as ledger:
        ledger.put_images({"validation": images(validation), "train": images(train)})
    return open_study(folder)


@pytest.mark.parametrize("kind", ["repeat, other seeds and search", "repeat, other seeds, search and split"])
def test_a_repeat_raises_no_alarm(kind: str) -> None:
    found = versus(kind, 0)
    assert not found.differs
    assert found.equal_training
    assert found.best.paired
    assert found.best.low < 0 < found.best.high


def test_nets_that_learn_less_are_found_where_they_are() -> None:
    found = versus("narrow nets learn less", 0)
    assert not found.best.differs
    assert found.areas.changed > 0.03
    (underfit,) = [area for area in found.areas.found if area.after == "underfit"]
    assert underfit.before == "overfit"
    assert underfit.where["width"][1] < 0.5  # the upper half learns as before
    assert found.plane.first.shape == found.plane.second.shape == (5, 25, 25)
    assert np.allclose(found.plane.second.sum(axis=0), 1)


def test_a_worse_best_error_is_found_and_not_where_only_the_seeds_differ() -> None:
    found = versus("best error 4 times", 0)
    assert found.best.differs
    assert found.best.difference == pytest.approx(found.best.second - found.best.first)
    assert 0 < found.best.low < found.best.difference < found.best.high


def test_images_are_shared_where_neither_trained_on_them(tmp_path: Path) -> None:
    first = hand_made(tmp_path / "a", validation=[*range(200), 500], train=[300, 301])
    second = hand_made(tmp_path / "b", validation=[*range(50, 250), 300], train=[500, 7, 8, 50])
    found = held_out(first, second)
    assert found.shared == 149  # 50 to 199; the second trained on a copy of 50
    assert found.seen == (4, 1)
    assert not found.same
    assert "4 and 1" in found.sentence
    assert (first.validation.hashes[found.rows[0]] == second.validation.hashes[found.rows[1]]).all()


def test_classes_are_told_apart_by_their_names(tmp_path: Path) -> None:
    first = hand_made(tmp_path / "a", validation=[*range(120)], train=[500])
    second = hand_made(tmp_path / "b", validation=[*range(120)], train=[501], classes="ba")
    assert held_out(first, second).same


def test_what_differs_in_training_is_told_from_what_differs_in_the_search(tmp_path: Path) -> None:
    first = hand_made(tmp_path / "a", [1, 2], [3])
    other = {"base": {"data": {"augment": "flip"}, "model": {"width": 0.5}}, "search": {"trials": 30, "seed": 4}}
    second = hand_made(tmp_path / "b", [1, 2], [3], **other)
    rows = {(row.kind, str(row)) for row in differences(first, second)}
    assert rows == {  # the width is searched
        ("training", "base.data.augment: none -> flip"),
        ("search", "search.trials: 24 -> 30"),
        ("search", "search.seed: 0 -> 4"),
    }
    assert not compare([first, second]).others[0].equal_training


def test_the_common_space_is_where_both_can_be(tmp_path: Path) -> None:
    first = hand_made(
        tmp_path / "a", [1, 2], [3], space={"width": {"low": 0.1, "high": 1}, "lr": {"low": 0.01, "high": 1}}
    )
    second = hand_made(tmp_path / "b", [1, 2], [3], space={"width": {"choices": [0.05, 0.2, 0.5]}})
    common = common_space(first, second)
    assert common.held == {"lr": 0.1}  # the second's own
    assert common.space["width"].choices == (0.2, 0.5)
    apart = hand_made(tmp_path / "c", [1, 2], [3], space={"width": {"low": 2, "high": 3}})
    assert common_space(first, apart) == "the ranges of width do not meet"


def test_an_area_holds_as_a_whole() -> None:
    """Each point changed in 98 % of worlds, in others each time: together they did in fewer than 95 %."""
    worlds = 500
    before, after = np.ones((worlds, 4), dtype=int), np.full((worlds, 4), 2)
    for point in range(4):
        after[10 * point : 10 * point + 10, point] = 1
    rows, moves = _surely_changed(before, after, 0.95)
    assert len(rows) == 2
    assert set(moves) == {(1, 2)}


def test_a_study_is_not_compared_with_itself_nor_alone(tmp_path: Path) -> None:
    study = Study(*(lambda s: (s.folder, s.ledger))(hand_made(tmp_path / "a", [1, 2], [3])))
    with pytest.raises(UserError, match="one is given twice"):
        study.compare(study)
    with pytest.raises(UserError, match="takes two or three studies"):
        study.compare()
