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

import numpy as np
import pandas as pd

from fitscape.study.export import table
from fitscape.study.ledger import Ledger
from fitscape.study.opened import OpenStudy
from fitscape.study.recipes import get
from fitscape.study.records import EpochRecord, TrialState
from fitscape.study.table import CHANCES


def reopened(folder: Path, root: Path, more: pd.DataFrame | None = None) -> OpenStudy:
    """The study again, from its table and its README, in a ledger under ``root``; ``more``: further rows."""
    text = (folder / "README.md").read_text(encoding="utf-8")
    train, val = map(int, re.findall(r"data: (\d+) training, (\d+) validation", text)[0])
    recipe, dataset = re.findall(r"fitscape run (\w+) .*data.dataset=(\w+)", text)[0]
    config = get(recipe, dataset=dataset)
    rows = pd.concat(
        [
            pd.read_csv(folder / "trials.csv", keep_default_na=False, na_values=["NaN"], float_precision="round_trip"),
            more,
        ]
    )
    facts = {"classes": [str(k) for k in range(10)], "images": {"train": train, "validation": val}}
    ledger = Ledger.create(root / f"{folder.name}.db", config, {"chance_error": 0.9, "data": facts})
    searched = [name for name in rows if name in config.base.flat() or name == "architecture"]
    ignored = {"parameters", "epochs", *(("family", "depth") if "architecture" in rows else ())}
    for _, row in rows.iterrows():
        point: dict[str, Any] = {name: _plain(row[name]) for name in searched if name not in ignored}
        added = ledger.add_trial(config.base.with_hyperparameters(point), point, "sobol")
        ledger.start_attempt(added.trial_id, "", "")
        if row["state"] == "finished":
            ledger.record_epoch(added.trial_id, _record(row, train, val, config.data.probe_size))
        ledger.end_trial(added.trial_id, TrialState(row["state"]))
    return OpenStudy(root, ledger)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _record(row: "pd.Series[Any]", train: int, val: int, probe: int) -> EpochRecord:
    """Last errors; those of the halves, which the table of that time lacks, are taken to be alike."""
    train_n = min(probe, round(float(row.get("train_fraction", 1.0)) * train))
    measured: dict[str, Any] = {
        name: float(row[name]) for name in ("train_error", "val_error", "train_loss", "val_loss")
    }
    measured |= {f"{name}_{half}": measured[name] for name in ("val_error", "val_loss") for half in "ab"}
    unknown = ("time", "learning_rate", "train_seconds", "eval_seconds", "images_per_second", "peak_memory_mib")
    measured |= dict.fromkeys(unknown, 0.0) | {"batch_loss": measured["train_loss"], "step": 1000, "val_n": val}
    flipped = round(float(row.get("label_noise", 0.0)) * 0.9 * train_n)
    return EpochRecord(epoch=int(row["epochs"]), train_n=train_n, flipped_n=flipped, **measured)


def compared(folder: Path, root: Path) -> tuple[pd.DataFrame, pd.DataFrame, "pd.Series[bool]"]:
    """The table as it is committed, with labels of today, and which trials are degraded."""
    before = pd.read_csv(folder / "trials.csv")
    study = reopened(folder, root)
    after = table(study.trials, study.labels, study.space)
    labels = ["regime", "regime_probability", "regime_set", *CHANCES, "regime_by_map"]
    rest = before.drop(columns=[name for name in before if name in labels])
    for k, name in enumerate(labels):
        rest.insert(3 + k, name, after[name].to_numpy())
    return before, rest, after["regime_flags"].str.contains("degraded")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, default=sorted(Path("results").iterdir()))
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        for folder in given.folders:
            before, after, degraded = compared(folder, Path(root))
            print(f"\n{folder.name}: {len(before)} trials")
            changes = Counter(zip(before["regime"], after["regime"], after["regime_set"], strict=True))
            for (was, now, names), count in sorted(changes.items(), key=str):
                print(f"  {count:3}  {was} -> {now}" + (f" ({names})" if now == "undecided" else ""))
            print(f"  decided by the map: {int(after['regime_by_map'].sum())}; degraded: {int(degraded.sum())}")
            if given.write:
                after.to_csv(folder / "trials.csv", index=False, na_rep="NaN")


if __name__ == "__main__":
    main()
