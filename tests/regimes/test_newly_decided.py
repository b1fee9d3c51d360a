"""Labels that the map decided in a published study, held to nets with other seeds."""

from pathlib import Path

import pandas as pd

from tools.new_seeds import SEEDS, judged
from tools.relabel_results import reopened

STUDY = Path(__file__).parents[2] / "results" / "regimes-fashion"


def test_new_seeds_contradict_no_label_that_the_map_decided(tmp_path: Path) -> None:
    trials, more = (
        pd.read_csv(STUDY / name, keep_default_na=False, na_values=["NaN"], float_precision="round_trip")
        for name in ("trials.csv", "new_seeds.csv")
    )
    by_map = trials[trials["regime_by_map"]]
    told = judged(reopened(STUDY, tmp_path, more), by_map)
    assert len(told) == len(by_map) == 12
    assert len(more) == len(SEEDS) * (len(by_map) + 1), "and those of the baseline"
    leading = told["one_of"].str.split(" or ").str[0]
    assert (leading == told["regime"]).all()
