"""Train configurations of a published study with seeds it did not have, and judge its labels by them.

    python -m tools.new_seeds results/regimes-fashion                 those whose label the map decided
    python -m tools.new_seeds results/regimes-fashion --trials ID     and these

Three seeds each, the quickest nets first, in this process, without Ray. Every one is kept in FOLDER/new_seeds.csv as
it ends, in the columns of ``trials.csv``, and is not run again. Then it prints, for each configuration, the regime that
its label names with its chance to be wrong, and what the new seeds alone say, without the map. The reference error is
that of all trials.
"""

import argparse
import tempfile
import time
from pathlib import Path

import pandas as pd

from fitscape.study.data import load
from fitscape.study.opened import OpenStudy
from fitscape.study.records import TrialRecord
from fitscape.study.regimes import label_all
from fitscape.study.regimes.reference import estimate_reference
from fitscape.study.regimes.replicates import by_group, intact, pooled_seed_noise
from fitscape.study.training import Settings, run_trial
from tools.relabel_results import reopened

SEEDS = (1000, 1001, 1002)
SETTINGS = Settings(precision="bf16", memory_format="mixed")  # repeats the numbers of the studies in results/


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--trials", nargs="*", default=[], metavar="ID")
    given = parser.parse_args()
    file = given.folder / "new_seeds.csv"
    table = pd.read_csv(
        given.folder / "trials.csv", keep_default_na=False, na_values=["NaN"], float_precision="round_trip"
    )
    chosen = table[table["regime_by_map"] | table["trial_id"].isin(given.trials)].sort_values("seconds")
    with tempfile.TemporaryDirectory() as root:
        train(reopened(given.folder, Path(root)), chosen, file)
    with tempfile.TemporaryDirectory() as root:
        more = pd.read_csv(file, keep_default_na=False, na_values=["NaN"], float_precision="round_trip")
        told = judged(reopened(given.folder, Path(root), more), chosen)
    print(told.to_string(index=False, float_format="{:.4f}".format))
    wrong = told[told["new_seeds_say"].ne("undecided") & told["new_seeds_say"].ne(told["regime"])]
    print(f"{len(told)} labels, of which {told['chance_of_wrong'].sum():.2f} were said to be wrong: ", end="")
    print(f"the new seeds alone name another regime for {len(wrong)}")


def train(study: OpenStudy, chosen: pd.DataFrame, file: Path) -> None:
    """What is not in ``file`` yet: a row a net, its hyperparameters those of the row in ``chosen``."""
    data = load(study.config.data).trial_data
    kept = pd.read_csv(file) if file.exists() else pd.DataFrame({"of": [], "seed": []})
    known = set(zip(kept["of"], kept["seed"], strict=True))
    trials = {trial.trial_id: trial for trial in study.trials}
    for _, row in chosen.iterrows():
        for seed in SEEDS:
            if (row["trial_id"], seed) in known:
                continue
            started = time.process_time()
            config = trials[row["trial_id"]].config.model_copy(update={"seed": seed})
            *_, last = (progress.record for progress in run_trial(config, data, settings=SETTINGS))
            errors = {name: getattr(last, name) for name in ("train_loss", "train_error", "val_loss", "val_error")}
            seconds = time.process_time() - started
            found = pd.DataFrame([{**row, "of": row["trial_id"], "seed": seed, **errors, "seconds": seconds}])
            found = found.drop(columns=[name for name in row.index if name.startswith(("p_", "regime", "trial_id"))])
            found.to_csv(file, mode="a", header=not file.exists(), index=False, na_rep="NaN")


def judged(study: OpenStudy, chosen: pd.DataFrame) -> pd.DataFrame:
    """A row a label of ``chosen``: what the seeds say that the table did not have."""
    noise = pooled_seed_noise(intact(by_group(study.trials)))
    reference = estimate_reference(study.trials, given=None, noise=noise)
    news = [trial for trial in study.trials if trial.config.seed in SEEDS]
    told = label_all(
        news,
        study.config.regimes,
        classes=study.classes,
        chance_error=study.chance_error,
        reference=reference,
    )
    by_configuration = {_configuration(trial): one for trial, one in zip(news, told, strict=True)}
    trials = {trial.trial_id: trial for trial in study.trials}
    rows = []
    for _, row in chosen.iterrows():
        one = by_configuration[_configuration(trials[row["trial_id"]])]
        errors = [t.epochs[-1].val_error for t in news if _configuration(t) == _configuration(trials[row["trial_id"]])]
        rows.append(
            {
                "trial_id": row["trial_id"],
                "regime": row["regime"],
                "chance_of_wrong": 1 - row["regime_probability"],
                "new_seeds_say": str(one.regime),
                "with": one.probability,
                "one_of": " or ".join(map(str, one.regime_set)),
                "val_error": row["val_error"],
                "of_new_seeds": sum(errors) / len(errors),
            }
        )
    return pd.DataFrame(rows)


def _configuration(trial: TrialRecord) -> str:
    return trial.config.model_copy(update={"seed": 0}).model_dump_json()


if __name__ == "__main__":
    main()
