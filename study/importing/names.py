"""What keys are called in the field: which are metrics, epochs, seeds, names of networks, and which of which kind."""

import re
from typing import Final, Literal

from fitscape.study.table import SAID

Part = Literal["train", "val", ""]
Kind = Literal["accuracy", "error", "loss", ""]

_TRAIN: Final = {"train", "training", "tr", "fit"}
_VAL: Final = {"val", "valid", "validation", "eval", "dev", "test", "va", "holdout"}  # scikit-learn calls it test
_ACCURACY: Final = {"acc", "accuracy", "score", "top1", "acc1", "accuracy1"}
_ERROR: Final = {"error", "err", "error1", "err1", "misclassification"}
_LOSS: Final = {"loss", "nll", "ce", "entropy", "crossentropy", "logloss", "neg", "objective"}
_OTHER: Final = {
    *("f1", "auc", "auroc", "precision", "recall", "std", "rank", "iou", "map", "time", "runtime", "duration"),
    *("seconds", "timestamp", "date", "pid", "hostname", "node", "step", "steps", "iter", "iteration", "iterations"),
    *("epoch", "memory", "mib", "gb", "images", "samples", "created", "updated", "gap", "norm", "eta", "grad"),
}
_PREFIXES: Final = ("config/", "config.", "params.", "param_", "params_", "hparams/", "hparams.")
NETS: Final = ("architecture", "arch", "model", "model_name", "network", "net", "backbone", "family")
SEEDS: Final = ("seed", "random_seed", "random_state", "rng_seed", "fold", "cv_fold", "replicate", "repeat")
CLASSES: Final = ("num_classes", "n_classes", "classes", "nb_classes")
# Columns of an export of ours that are no hyperparameters, and what marks one.
EXPORTED: Final = frozenset({"trial_id", "regime", "regime_probability", "flops", "val_error"})
OURS: Final = EXPORTED | {"state", "attempts", "parameters", "epochs", "gap", "flipped_n", "seconds", *SAID}
ID: Final = ("run_id", "trial_id", "run", "id", "uuid", "name", "trial")


def words(key: str) -> list[str]:
    """``valAcc@1`` -> ``[val, acc, 1]``, in small letters."""
    split = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", key)
    return [word for word in re.split(r"[^a-z0-9]+", split.lower()) if word]


def part(key: str) -> Part:
    """Of which images a metric is, by its name."""
    found = set(words(key))
    if found & _TRAIN and not found & (_VAL - {"eval"}):
        return "train"
    return "val" if found & _VAL else ""


def kind(key: str) -> Kind:
    """What a metric is, by its name; empty where the name does not say."""
    found = set(words(key))
    if found & _LOSS:
        return "loss"
    if found & (_OTHER - {"step", "steps", "epoch"}):
        return ""
    return "accuracy" if found & _ACCURACY else "error" if found & _ERROR else ""


def in_percent(key: str) -> bool:
    """Whether the name says that values are in per cent."""
    return bool({"pct", "percent", "perc"} & set(words(key))) or "%" in key


def measured(key: str) -> bool:
    """Whether a key names something that a run measures, not something that it was given."""
    found = set(words(key))
    return bool(found & (_ACCURACY | _ERROR | _LOSS | _OTHER) or (part(key) and len(found) > 1))


def bare(key: str) -> str:
    """A parameter's own name, without what a tool puts before it."""
    return next((key.removeprefix(p) for p in _PREFIXES if key.startswith(p) and key != p), key)


def is_epoch(key: str) -> bool:
    """Whether a key counts epochs or other rounds of training."""
    return words(key) in (["epoch"], ["training", "iteration"], ["step"], ["iteration"], ["global", "step"])


def is_run_name(key: str) -> bool:
    return key.lower() in ID


def is_state(key: str) -> bool:
    return key.lower() in ("state", "status")
