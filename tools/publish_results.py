"""Put a study's small tables and pictures into results/: `python -m tools.publish_results FOLDER results/NAME`.

What is committed is made from the study's ledger and its report, nothing by hand, and says how to make it again.
"""

import argparse
import json
import shutil
from pathlib import Path

from fitscape.study.export import table
from fitscape.study.opened import OpenStudy, open_study
from fitscape.study.report import build

PICTURES = (
    "degradation",
    "gradients",
    "architectures",
    "memorization",
    "double_descent",
    "early_overfit",
    "finetune",
    "regime_map",
)


def publish(folder: Path, to: Path) -> None:
    """``trials.csv``, ``findings.json``, the recipe's picture and ``README.md``."""
    study = open_study(folder)
    report = build(folder, study=study).parent
    to.mkdir(parents=True, exist_ok=True)
    hyperparameters = sorted(
        {*study.space, *(hyperparameter for point in study.config.enqueue for hyperparameter in point)}
    )
    table(study.trials, study.labels, hyperparameters).to_csv(to / "trials.csv", index=False, na_rep="NaN")
    shutil.copy(report / "findings.json", to / "findings.json")
    picture = "regime_map" if study.config.recipe == "regimes" else str(study.config.recipe)
    assert picture in PICTURES
    shutil.copy(report / "figures" / f"{picture}.png", to / f"{picture}.png")
    found = json.loads((to / "findings.json").read_text(encoding="utf-8"))
    (to / "README.md").write_text(_readme(study, found, picture), encoding="utf-8")


def _readme(study: OpenStudy, found: list[dict[str, object]], picture: str) -> str:
    config, facts = study.config, study.provenance
    seconds = sum(t.seconds for t in study.trials)
    seeds = sorted({t.config.seed for t in study.trials})
    counts = facts["data"]["images"]
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    lines = [
        f"# {config.recipe} on {config.data.dataset}",
        config.description,
        f"![{config.recipe}]({picture}.png)",
        "## Made with",
        f"    fitscape run {config.recipe} --scale minutes --set data.dataset={config.data.dataset}",
        *(f"- weights: `{name}`, head {about['head']}" for name, about in facts.get("weights", {}).items()),
        f"- trials: {_counted(study)}, seeds {', '.join(map(str, seeds))}\n"
        f"- data: {counts['train']} training, {counts['validation']} validation images, "
        f"fingerprint `{facts['data_fingerprint']}`\n"
        f"- code: {_code(facts['code'])}\n"
        f"- versions: {versions}\n"
        f"- machine: {facts['machine']['processor']}, {facts['machine']['cpus']} cores; {seconds / 60:.1f} minutes in "
        "training and evaluation, all trials together, by the clock of a machine that others used as well",
        "## Files",
        "- `trials.csv`: one row per trial (`fitscape export`)\n- `findings.json`: every claim with estimate, 95 % "
        "interval, test, p and verdict",
        "## Findings",
        "| verdict | claim | estimate | 95 % interval | n |\n|---|---|---|---|---|\n" + "\n".join(map(_row, found)),
    ]
    return "\n\n".join(lines) + "\n"


def _code(facts: dict[str, str]) -> str:
    return f"commit `{facts['commit']}`" if facts["commit"] else f"trial code `{facts['trial_code']}`, outside git"


def _counted(study: OpenStudy) -> str:
    """How many ended, and of how many where the study was ended before."""
    ended, asked = sum(t.state.terminal for t in study.trials), study.config.search.trials
    return f"{ended}" if ended >= asked else f"{ended} of {asked}, ended early"


def _row(one: dict[str, object]) -> str:
    estimate, low, high = (_number(one[key]) for key in ("estimate", "low", "high"))
    return f"| {one['verdict']} | {one['claim']} ({one['unit']}) | {estimate} | {low} to {high} | {one['n']} |"


def _number(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float | int) else "unbounded"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="a study's folder, or an unpacked copy of it")
    parser.add_argument("to", type=Path)
    given = parser.parse_args()
    publish(given.folder, given.to)
