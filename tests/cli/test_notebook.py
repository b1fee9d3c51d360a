"""The live view of a notebook."""

import sys
from pathlib import Path
from types import ModuleType

import pytest
from hand_made import make_trial
from small_study import small_study

from fitscape.study.cli.live import view
from fitscape.study.cli.notebook import Notebook, in_notebook
from fitscape.study.records import TrialState
from fitscape.study.scheduling.events import Finished, Message, Started, TrialEnded


def test_the_bar_and_what_was_said_are_drawn_in_place(tmp_path: Path) -> None:
    drawn: list[str] = []
    with Notebook(small_study(tmp_path), drawn.append) as shown:
        shown(Started(20, 15))
        shown(Message("a checkpoint was <corrupt>"))
        shown(TrialEnded(make_trial({"seed": 1}, state=TrialState.FAILED, message="oom: no memory left")))
        shown(Finished({"report": "runs/small/report/index.html"}))
    assert 1 <= len(drawn) <= 3  # not more often than is worth a drawing
    assert "a checkpoint was &lt;corrupt&gt;" in drawn[-1]
    assert "oom: no memory left" in drawn[-1]
    assert "runs/small/report/index.html" in drawn[-1]
    assert "━" in drawn[-1]


def test_a_kernel_is_recognized_and_a_script_is_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert not in_notebook()

    class ZMQInteractiveShell:
        """As IPython's kernel calls it."""

    ipython, display = ModuleType("IPython"), ModuleType("IPython.display")
    ipython.get_ipython = ZMQInteractiveShell  # type: ignore[attr-defined]
    shown: list[object] = []
    display.HTML = str  # type: ignore[attr-defined]
    display.display = lambda html, display_id: type("Handle", (), {"update": lambda self, html: shown.append(html)})()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    assert in_notebook()
    told = view(tmp_path / "none")
    assert isinstance(told, Notebook)
    told(Message("begins"))
    assert "begins" in str(shown[0])
