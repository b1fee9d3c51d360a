"""Label the studies under results/ anew: ``python -m tools.relabel_results`` prints what changes, ``--write`` keeps it.

Their ledgers are not committed, but ``trials.csv`` has what a label is made of: hyperparameters and last errors. Curves
are not there, so flags that look at curves or halves of validation are neither found nor lost.
"""

import argparse
import re
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd

from fitscape.study.export import table
from fitscape.study.ledger import Ledger
from fitscape.study.opened import OpenStudy
from fitscape.study.recipes import get
from fitscape.study.records import EpochRecord, TrialState

LABEL = ("regime", "regime_probability")


def reopened(folder: Path, root: Path) -> OpenStudy:
    """The study again, from its table and its README, in a ledger under ``root``."""
    text = (folder / "README.md").read_text(encoding="utf-8")
    train, val = map(int, re.findall(r"data: (\d+) training, (\d+) validation", text)[0])
    recipe, dataset = re.findall(r"fitscape run (\w+) .*data.dataset=(\w+)", text)[0]
    config = get(recipe, dataset=dataset)
    rows = pd.read_csv(folder / "trials.csv", keep_default_na=False, na_values=["NaN"])
    facts = {"classes": [str(k) for k in range(10)], "images": {"train": train, "validation": val}}
    ledger = Ledger.create(root / f"{folder.name}.db", config, {"chance_error": 0.9, "data": facts})
    searched = [name for name in rows if name in config.base.flat() or name == "architecture"]
    for row in rows[[name for name in searched if name not in ("parameters", "epochs")]].to_dict("records"):
        known = rows.iloc[len(ledger.trials(epochs=()))]
        point = {
            name: value for name, value in row.items() if "architecture" not in row or name not in ("family", "depth")
        }
        added = ledger.add_trial(config.base.with_hyperparameters(point), point, "sobol")
        ledger.start_attempt(added.trial_id, "", "")
        if known["state"] == "finished":
            ledger.record_epoch(added.trial_id, _record(known, train, val, config.data.probe_size))
        ledger.end_trial(added.trial_id, TrialState(known["state"]))
    return OpenStudy(root, ledger)


def _record(row: "pd.Series[Any]", train: int, val: int, probe: int) -> EpochRecord:
    """Last errors; those of the halves, which the table of that time lacks, are taken to be alike."""
    errors = {"train_error": float(row["train_error"]), "val_error": float(row["val_error"])}
    losses = {"train_loss": float(row["train_loss"]), "val_loss": float(row["val_loss"])}
    halves = {f"val_{what}_{half}": float(row[f"val_{what}"]) for what in ("loss", "error") for half in "ab"}
    images = {"train_n": min(probe, round(float(row.get("train_fraction", 1.0)) * train)), "val_n": val}
    flipped = round(float(row.get("label_noise", 0.0)) * 0.9 * images["train_n"])
    rest = dict.fromkeys(("time", "learning_rate", "train_seconds", "eval_seconds"), 0.0)
    rest |= dict.fromkeys(("images_per_second", "peak_memory_mib"), 0.0)
    return EpochRecord(
        epoch=int(row["epochs"]), step=1000, batch_loss=losses["train_loss"], flipped_n=flipped,
        **errors, **losses, **halves, **images, **rest,
    )  # fmt: skip


def compared(folder: Path, root: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The table as it is committed, and with labels of today."""
    before = pd.read_csv(folder / "trials.csv")
    study = reopened(folder, root)
    after = table(study.trials, study.labels, study.space)
    labels = [
        name
        for name in after
        if name.startswith(("regime", "p_")) or name in ("unsettled_by", "seeds_needed", "images_needed")
    ]
    rest = before.drop(columns=[name for name in before if name in labels])
    for k, name in enumerate(labels):
        rest.insert(3 + k, name, after[name].to_numpy())
    return before, rest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, default=sorted(Path("results").iterdir()))
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        for folder in given.folders:
            before, after = compared(folder, Path(root))
            print(f"\n{folder.name}: {len(before)} trials")
            changes = Counter(zip(before["regime"], after["regime"], after["regime_set"], strict=True))
            for (was, now, names), count in sorted(changes.items(), key=str):
                print(f"  {count:3}  {was} -> {now}" + (f" ({names})" if now == "undecided" else ""))
            degraded = int(after["regime_flags"].str.contains("degraded").sum())
            print(f"  decided by the map: {int(after['regime_by_map'].sum())}; degraded: {degraded}")
            if given.write:
                after.to_csv(folder / "trials.csv", index=False, na_rep="NaN")


if __name__ == "__main__":
    main()
