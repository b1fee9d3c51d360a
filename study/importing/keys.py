"""Which keys of a source mean what: as they were named, else as their names suggest, to be confirmed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from fitscape.study.errors import UserError
from fitscape.study.importing import names
from fitscape.study.importing.runs import Runs, as_number, finite, listed
from fitscape.study.records import CLEAN

ENOUGH: Final = 0.5  # share of the runs that must hold a key for it to be guessed
MOST_PARAMS: Final = 64  # of one map
LOSSES_ONLY: Final = (
    "regimes are made of error rates (or accuracies) of training and validation, and this source has losses alone; "
    "log a clean training error beside them (fitscape.log_clean_errors)"
)
# Ours first, then what a mean over folds is called, then any.
_BETTER: Final = ("error", "accuracy")
_COUNTS: Final = {"train": ("train_n", "n_train", "train_size"), "val": ("val_n", "n_val", "val_size")}


@dataclass(frozen=True)
class Keys:
    """The keys of one reading; a count is a number of images or the key of one."""

    train: str = ""
    val: str = ""
    train_n: int | str | None = None
    val_n: int | str | None = None
    epoch: str | None = None
    params: tuple[str, ...] | None = None
    seed: str | None = None
    net: str | None = None
    classes: int | None = None
    guessed: tuple[str, ...] = ()  # names of those above that nobody has named

    def lines(self, runs: Runs) -> list[str]:
        """What will be read, a line for each, for a person to confirm."""
        marks = {name: "  (guessed)" if name in self.guessed else "" for name in vars(self)}
        params = self.params or ()
        told = [
            ("training", "train", self.train),
            ("validation", "val", self.val),
            ("epoch", "epoch", self.epoch or "none: final values"),
            ("parameters", "params", listed(params) or "none"),
            ("seed", "seed", self.seed or "none: runs of equal parameters are replicates"),
            ("network", "net", self.net or "one for all runs"),
        ]
        return [f"{runs.kind} {runs.where}: {len(runs.runs)} runs"] + [
            f"  {title:<11} {value}{marks[name]}" for title, name, value in told
        ]

    def option(self) -> str:
        """The options that name what was guessed."""
        named = {"train": self.train, "val": self.val, "epoch": self.epoch, "params": ",".join(self.params or ())}
        return " ".join(f"--{name} {_quoted(named[name])}" for name in self.guessed if named.get(name))


def chosen(runs: Runs, asked: Keys) -> Keys:
    """The keys with what was not named guessed.

    Raises:
        UserError: a key that no run has, or nothing that the guess could be; the text says what there is.
    """
    metrics = runs.metrics()
    told = asked
    guessed = []
    for name in ("train", "val"):
        if not getattr(told, name):
            told = _with(told, name, _metric(runs, metrics, name, told))
            guessed.append(name)
        elif getattr(told, name) not in metrics:
            what = f"no run holds a number under '{getattr(told, name)}'"
            raise UserError(what, where=f"--{name}", fix=f"there is {listed(metrics) or 'none at all'}")
    for name in ("train", "val"):
        if names.kind(getattr(told, name)) == "loss":
            raise UserError(f"'{getattr(told, name)}' is a loss", where=f"--{name}", fix=LOSSES_ONLY)
    if told.epoch is not None and told.epoch not in metrics:
        raise UserError(f"no run counts '{told.epoch}'", where="--epoch", fix=f"there is {listed(metrics)}")
    if told.epoch is None:
        told = replace(told, epoch=runs.step if runs.step in metrics else _named(metrics, names.is_epoch))
        guessed += ["epoch"] if told.epoch else []
    for name in ("train", "val"):
        told = _with(told, f"{name}_n", _count(runs, told, name, metrics))
    return replace(_parameters(runs, told, guessed), guessed=tuple(guessed))


def _with(keys: Keys, name: str, value: Any) -> Keys:
    changed: dict[str, Any] = {name: value}
    return replace(keys, **changed)


def _metric(runs: Runs, metrics: Sequence[str], part: str, told: Keys) -> str:
    """The metric of one part of the data that most runs have: one that `log_clean_errors` measured before any other,
    an error before an accuracy, a mean before a fold."""
    share = {key: sum(any(key in row for row in run.rows) for run in runs.runs) / len(runs.runs) for key in metrics}
    of_part = [k for k in metrics if names.part(k) == part and k not in (told.train, told.val) and share[k] >= ENOUGH]
    rated = [key for key in of_part if names.kind(key) in _BETTER]
    if rated:
        return min(rated, key=lambda key: _rank(key, part))
    losses = [key for key in metrics if names.kind(key) == "loss"]
    if losses and not any(names.kind(key) in _BETTER for key in metrics):
        raise UserError(f"holds losses alone ({listed(losses)})", where=runs.where, fix=LOSSES_ONLY)
    side = "training" if part == "train" else "validation"
    has = f"it has {listed(metrics)}" if metrics else "it holds no metric at all"
    raise UserError(f"no {side} error or accuracy was found", where=runs.where, fix=f"{has}; name it with --{part}")


def _rank(key: str, part: str) -> tuple[bool, bool, int, int]:
    """What is taken first is least."""
    clean = key == f"{CLEAN}{part}_error"
    return not clean, not _plain_name(key), _BETTER.index(names.kind(key)), len(names.words(key))


def _plain_name(key: str) -> bool:
    """One number of a run, not one of several: ``val_error`` but not ``val_error_a`` or ``split0_test_score``."""
    return not any(
        (len(word) == 1 and word.isalpha()) or word.startswith(("split", "fold")) for word in names.words(key)
    )


def _named(keys: Sequence[str], like: object) -> str | None:
    assert callable(like)
    return next((key for key in keys if like(key)), None)


def _count(runs: Runs, told: Keys, part: str, metrics: Sequence[str]) -> int | str | None:
    given = getattr(told, f"{part}_n")
    if isinstance(given, str):
        if given not in metrics and given not in runs.params():
            raise UserError(f"no run has '{given}'", where=f"--{part}-n", fix="give a number, or a key of one")
        return given
    if given is None:
        clean = [f"{CLEAN}{part}_n"] if getattr(told, part).startswith(CLEAN) else []
        return next((key for key in (*clean, *_COUNTS[part]) if key in metrics or key in runs.params()), None)
    return given


def _parameters(runs: Runs, told: Keys, guessed: list[str]) -> Keys:
    """Parameters, seed and the name of the network."""
    there = runs.params()
    if told.params is not None:
        missing = [key for key in told.params if key not in there]
        if missing:
            raise UserError(f"no run has '{missing[0]}'", where="--params", fix=f"there is {listed(there)}")
        params = list(told.params)
    else:
        params = list(_varying(runs, told, there))
        guessed.append("params")
    if len(params) > MOST_PARAMS:
        what = f"{len(params):,} parameters, {listed(params)}, are more than a map can have ({MOST_PARAMS})"
        raise UserError(what, where=runs.where, fix="name those that matter with --params")
    seed = told.seed or next((key for key in params if names.bare(key) in names.SEEDS), None)
    net = told.net or next(
        (k for name in names.NETS for k in params if names.bare(k) == name and _words(runs, k)), None
    )
    classes = told.classes or _classes(runs, there)
    kept = tuple(key for key in params if key != seed)
    return replace(told, params=kept, seed=seed, net=net, classes=classes)


def _varying(runs: Runs, told: Keys, there: Sequence[str]) -> Iterator[str]:
    """Parameters with more than one value, which are no measurements and no names of runs."""
    exported = {*there, *runs.metrics()} >= names.EXPORTED or {"fitscape state"} & {*there}
    used = {told.train, told.val, told.epoch, told.train_n, told.val_n, "fitscape state"}
    for key in there:
        if key in used or (exported and key in names.OURS) or (runs.kind == "table" and names.measured(key)):
            continue
        values = {repr(value) for run in runs.runs if (value := run.params.get(key)) is not None}
        numeric = all(as_number(run.params.get(key)) is not None for run in runs.runs if key in run.params)
        if len(values) > 1 and (numeric or len(values) <= max(20, len(runs.runs) // 4)) and _simple(runs, key):
            yield key


def _simple(runs: Runs, key: str) -> bool:
    """Whether every value is one number, word or truth value."""
    return all(isinstance(run.params.get(key), bool | int | float | str | None) for run in runs.runs)


def _words(runs: Runs, key: str) -> bool:
    return any(isinstance(v := run.params.get(key), str) and as_number(v) is None for run in runs.runs)


def _classes(runs: Runs, there: Sequence[str]) -> int | None:
    """The number of classes, where the runs say it and agree."""
    found = {
        int(value)
        for key in there
        if names.bare(key) in names.CLASSES
        for run in runs.runs
        if (value := finite(run.params.get(key))) is not None
    }
    return found.pop() if len(found) == 1 else None


def _quoted(text: str | None) -> str:
    return f"'{text}'" if text and set(" ()") & set(text) else text or ""
