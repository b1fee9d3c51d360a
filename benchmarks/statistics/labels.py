"""Labels of planted trials: how many are undecided, how many decided ones are wrong, and what their sets hold."""

from typing import Any

import numpy as np
import pandas as pd

from benchmarks.statistics import maps
from benchmarks.statistics.maps import TAU, Condition
from benchmarks.statistics.planted.study import epoch, trial
from fitscape.study.config import RegimeThresholds
from fitscape.study.maps.trial_beliefs import TrialBeliefs
from fitscape.study.records import Label, Regime, TrialRecord, TrialState
from fitscape.study.regimes import DECIDABLE, Scale, label_all
from fitscape.study.regimes.rule import regimes

CONDITIONS = {
    "48, sd .2": Condition(48),
    "48, sd .1": Condition(48, seed_sd=0.1),
    "48, sd .5": Condition(48, seed_sd=0.5),
    "48 x 3, sd .2": Condition(48, seeds=3),
    "16 x 3, sd .2": Condition(16, seeds=3),
}
CLASSES = 10
# The first five random landscapes from D600 on of which each regime takes 3 % or more; no rule was chosen on them.
ALL_FIVE = ("D607", "D610", "D624", "D626", "D628")
NAMES = (*maps.NAMES, *ALL_FIVE)


def records(table: pd.DataFrame) -> list[TrialRecord]:
    """The rows as trials: the configuration's number is in the learning rate, the replicate's in the seed."""
    numbers = table["configuration"] if "configuration" in table else pd.Series(range(len(table)), index=table.index)
    seeds = numbers.groupby(numbers).cumcount()
    found = []
    for number, seed, row in zip(numbers, seeds, table.to_dict("records"), strict=True):
        images = {"train_n": row["train_n"], "val_n": row["val_n"]}
        found.append(
            trial(
                {"lr": 0.001 * (1 + int(number)), "seed": int(seed)},
                epoch(row["train_error"], row["val_error"], **images),
                state=TrialState.DIVERGED if row["diverged"] else TrialState.FINISHED,
            )
        )
    return found


def run(name: str, condition: str, seed: int) -> dict[str, Any]:
    """One study, labelled with the map and without it."""
    table = maps.trials(name, CONDITIONS[condition], seed)
    told = records(table)
    table = table.assign(trial_id=[one.trial_id for one in told])
    beliefs = TrialBeliefs(maps.fitted(name, table))
    cuts, _ = maps.ground(name).truth(table)
    scale = Scale(cuts.chance, cuts.reference)
    skills = scale.val_skill(table["true_train"].to_numpy()), scale.val_skill(table["true_val"].to_numpy())
    codes = regimes(*skills, tau=TAU, untrained=cuts.untrained)
    alive = ~table["diverged"].to_numpy()
    truth = {one.trial_id: DECIDABLE[code] for one, code, lives in zip(told, codes, alive, strict=True) if lives}
    options: dict[str, Any] = {"classes": CLASSES, "chance_error": cuts.chance}
    thresholds = RegimeThresholds(tau=TAU)
    counts = {
        "with map": _counts(label_all(told, thresholds, beliefs=beliefs, **options), truth),
        "own runs": _counts(label_all(told, thresholds, **options), truth),
    }
    return {"landscape": name, "condition": condition, "seed": seed, **counts}


def _counts(labels: list[Label], truth: dict[str, Regime]) -> dict[str, float]:
    told = [(one, truth[one.trial_id]) for one in labels if one.trial_id in truth]
    decided = [(one, true) for one, true in told if one.regime is not Regime.UNDECIDED]
    undecided = [(one, true) for one, true in told if one.regime is Regime.UNDECIDED]
    return {
        "trials": len(told),
        "undecided": len(undecided),
        "wrong": sum(one.regime is not true for one, true in decided),
        "promised": sum(1 - one.probability for one, _ in decided),
        "two": sum(len(one.regime_set) == 2 for one, _ in undecided),
        "inside": sum(true in one.regime_set for one, true in undecided),
        "by_map": sum(one.by_map for one, _ in decided),
        "wrong_by_map": sum(one.by_map and one.regime is not true for one, true in decided),
    }


def summarize(done: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row a condition and kind of label, over the landscapes that rules were chosen on, the others, and each."""
    rows = []
    groups = {"chosen on": maps.NAMES, "all five regimes": ALL_FIVE} | {name: (name,) for name in NAMES}
    for condition in CONDITIONS:
        for kind in ("with map", "own runs"):
            for name, among in groups.items():
                group = [d for d in done if d["condition"] == condition and d["landscape"] in among]
                if group:
                    rows.append({"condition": condition, "labels": kind, "landscape": name, **_row(group, kind)})
    return rows


def _row(group: list[dict[str, Any]], kind: str) -> dict[str, float]:
    """Standard errors are over studies."""
    each = pd.DataFrame([one[kind] for one in group])
    total = each.sum()
    decided = total["trials"] - total["undecided"]
    share = each["undecided"] / each["trials"]
    return {
        "studies": len(group),
        "trials": int(total["trials"]),
        "undecided": float(total["undecided"] / total["trials"]),
        "undecided_se": float(share.std() / np.sqrt(len(group))),
        "wrong_among_decided": float(total["wrong"] / max(decided, 1)),
        "wrong_se": float((each["wrong"] / (each["trials"] - each["undecided"]).clip(1)).std() / np.sqrt(len(group))),
        "promised_wrong": float(total["promised"] / max(decided, 1)),
        "two_names": float(total["two"] / max(total["undecided"], 1)),
        "inside": float(total["inside"] / max(total["undecided"], 1)),
        "by_map": float(total["by_map"] / max(decided, 1)),
        "wrong_by_map": float(total["wrong_by_map"] / max(total["by_map"], 1)),
    }
