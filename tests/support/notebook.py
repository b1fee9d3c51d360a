"""The notebook docs/notebook.ipynb: its cells run one after the other in a process without a kernel, outputs kept.

``python tests/support/notebook.py`` runs it in an empty folder and writes down what each cell shows.
"""

import ast
import contextlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "notebook.ipynb"

Cell = dict[str, Any]


def code_cells(notebook: dict[str, Any]) -> list[Cell]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def run(folder: Path) -> list[list[dict[str, Any]]]:
    """The outputs of each cell of code, as the notebook's format (version 4.5) has them.

    Raises:
        AssertionError: a cell raised.
    """
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("FITSCAPE_", "RAY_ADDRESS", "MLFLOW_TRACKING"))}
    ran = subprocess.run(
        [sys.executable, __file__, "--here"],
        cwd=folder,
        env={**kept, "HOME": str(folder), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    found: list[list[dict[str, Any]]] = json.loads((folder / "outputs.json").read_text())
    return found


def _run_here() -> None:
    scope: dict[str, Any] = {"__name__": "__main__"}
    outputs = []
    for number, cell in enumerate(code_cells(json.loads(PAGE.read_text())), 1):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            value = _value("".join(cell["source"]), scope)
        text = re.sub(r"^.*(?:WARNING|INFO).*\n", "", printed.getvalue(), flags=re.M)
        shown = [{"name": "stdout", "output_type": "stream", "text": text.splitlines(keepends=True)}] if text else []
        if value is not None:
            result = {"execution_count": number, "metadata": {}, "output_type": "execute_result"}
            shown.append({**result, "data": _data(value)})
        outputs.append(shown)
    Path("outputs.json").write_text(json.dumps(outputs))


def _value(source: str, scope: dict[str, Any]) -> Any:
    """What the cell's last expression is, as a kernel shows it."""
    *before, last = ast.parse(source).body
    shown = ast.Expression(last.value) if isinstance(last, ast.Expr) else None
    exec(compile(ast.Module(before if shown else [*before, last], type_ignores=[]), "<cell>", "exec"), scope)
    return eval(compile(shown, "<cell>", "eval"), scope) if shown else None


def _data(value: Any) -> dict[str, Any]:
    if hasattr(value, "to_plotly_json"):
        return {"application/vnd.plotly.v1+json": json.loads(value.to_json()), "text/plain": ["a figure of plotly"]}
    text = re.sub(r" at 0x[0-9a-f]+>", ">", repr(value))  # where it lay in memory differs from run to run
    data: dict[str, Any] = {"text/plain": text.splitlines(keepends=True)}
    if hasattr(value, "_repr_html_"):
        data["text/html"] = value._repr_html_().splitlines(keepends=True)
    return data


def write(outputs: list[list[dict[str, Any]]]) -> None:
    """Put the outputs into the notebook."""
    notebook = json.loads(PAGE.read_text())
    for number, (cell, shown) in enumerate(zip(code_cells(notebook), outputs, strict=True), 1):
        cell["execution_count"], cell["outputs"] = number, shown
    PAGE.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    if sys.argv[1:] == ["--here"]:
        _run_here()
    else:
        with tempfile.TemporaryDirectory() as home:
            write(run(Path(home)))
