"""The tutorial's notebook runs, and is kept with what it shows."""

import json
import tempfile
from pathlib import Path

import pytest
from notebook import PAGE, code_cells, run

NOTEBOOK = json.loads(PAGE.read_text())


def test_it_is_kept_with_outputs_of_ten_cells() -> None:
    cells = code_cells(NOTEBOOK)
    assert len(cells) == 10
    assert len({cell["id"] for cell in NOTEBOOK["cells"]}) == len(NOTEBOOK["cells"])
    assert [cell["execution_count"] for cell in cells] == list(range(1, 11))
    silent = [number for number, cell in enumerate(cells) if not cell["outputs"]]
    assert silent == [0, 1]  # the images, and the study's run
    text = PAGE.read_text()
    assert len(text) < 600_000
    assert str(Path(tempfile.gettempdir())) not in text


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.timeout(900)
def test_it_runs_and_shows_what_it_is_kept_with(tmp_path: Path) -> None:
    kinds = [[sorted(output.get("data", output)) for output in outputs] for outputs in run(tmp_path)]
    assert kinds == [
        [sorted(output.get("data", output)) for output in cell["outputs"]] for cell in code_cells(NOTEBOOK)
    ]
