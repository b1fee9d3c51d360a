"""Random studies as plain documents, valid ones and changed ones, for fuzzing the reader (hypothesis)."""

import string
from typing import Any

from hypothesis import strategies as st

WORDS = st.text(st.sampled_from(string.ascii_lowercase + "_"), min_size=1, max_size=12)
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.sampled_from([-1, 0, 1e-3, 0.5, 1, 2, 1e9, float("nan"), float("inf"), 10**400]),
    WORDS,
    st.text(max_size=8).filter(lambda text: text.isprintable()),
    st.lists(st.integers(0, 3), max_size=3),
    st.dictionaries(WORDS, st.integers(0, 3), max_size=2),
)

NUMBERS: dict[str, tuple[float, float]] = {
    "width": (0.125, 2),
    "dropout": (0, 0.9),
    "train_fraction": (0.01, 1),
    "label_noise": (0, 1),
    "lr": (1e-6, 100),
    "weight_decay": (1e-8, 10),
    "momentum": (0, 0.99),
}
COUNTS = {"growth_rate": (1, 64), "batch_size": (1, 4096), "epochs": (1, 1000), "seed": (0, 1000)}
CHOICES = {
    "architecture": ["resnet18", "resnet20", "plain18", "plain110", "densenet121"],
    "norm": ["batch", "group", "none"],
    "init": ["he", "glorot", "gaussian"],
    "augment": ["none", "flip", "crop"],
    "optimizer": ["sgd", "adamw"],
    "schedule": ["one_cycle", "cosine", "constant", "step"],
}


@st.composite
def ranges(draw: st.DrawFn, low: float, high: float, numbers: Any) -> dict[str, Any]:
    ends = sorted(draw(st.tuples(numbers, numbers)))
    log = draw(st.booleans()) and ends[0] > 0
    return {"low": ends[0], "high": ends[1], **({"log": True} if log else {})}


@st.composite
def hyperparameters(draw: st.DrawFn) -> dict[str, Any]:
    """A valid space."""
    space: dict[str, Any] = {}
    for name in draw(st.lists(st.sampled_from([*NUMBERS, *COUNTS, *CHOICES]), unique=True, max_size=5)):
        if name in CHOICES:
            picked = draw(st.lists(st.sampled_from(CHOICES[name]), unique=True, min_size=1))
            space[name] = {"choices": picked}
        elif name in COUNTS:
            space[name] = draw(ranges(*COUNTS[name], st.integers(*COUNTS[name])))
        else:
            space[name] = draw(ranges(*NUMBERS[name], st.floats(*NUMBERS[name])))
    if space.get("architecture") != {"choices": ["densenet121"]}:
        space.pop("growth_rate", None)  # which no other family has
    return space


@st.composite
def points(draw: st.DrawFn) -> dict[str, Any]:
    """A valid point."""
    numbers = {name: st.floats(low, high) for name, (low, high) in NUMBERS.items()}
    counts = {name: st.integers(low, high) for name, (low, high) in COUNTS.items()}
    words = {name: st.sampled_from(choices) for name, choices in CHOICES.items()}
    point = draw(st.fixed_dictionaries({}, optional={**numbers, **counts, **words}))
    if point.get("architecture") != "densenet121":
        point.pop("growth_rate", None)
    return point


OPTIONAL = {
    "description": st.text(st.characters(codec="utf-8", categories=("L", "N", "Zs", "P")), max_size=20),
    "data": st.fixed_dictionaries(
        {},
        optional={
            "dataset": st.sampled_from(["digits", "cifar10"]),
            "limit": st.none() | st.integers(1, 10**6),
            "validation_fraction": st.floats(0.01, 0.5),
        },
    ),
    "base": st.fixed_dictionaries(
        {},
        optional={
            "seed": st.integers(0, 2**31 - 1),
            "model": st.fixed_dictionaries({}, optional={"width": st.floats(0.125, 2), "norm": st.just("group")}),
            "optimization": st.fixed_dictionaries(
                {}, optional={"lr": st.floats(1e-9, 100), "steps_per_epoch": st.none() | st.integers(1, 100)}
            ),
        },
    ),
    "space": hyperparameters() | st.sampled_from(["quick", "full"]),
    "enqueue": st.lists(points(), max_size=3),
    "search": st.fixed_dictionaries(
        {}, optional={"sampler": st.sampled_from(["sobol", "grid"]), "trials": st.integers(1, 10**6)}
    ),
    "regimes": st.fixed_dictionaries({}, optional={"tau": st.floats(0.01, 0.5)}),
    "resources": st.fixed_dictionaries(
        {},
        optional={
            "gpus_per_trial": st.just("auto") | st.just(0.0) | st.floats(0.01, 1),
            "trial_timeout": st.none() | st.just(9.5),
        },
    ),
    "tracking": st.fixed_dictionaries({}, optional={"uri": st.none() | st.just("http://127.0.0.1:5000")}),
}
VALID = st.fixed_dictionaries(
    {"name": st.from_regex(r"[A-Za-z][A-Za-z0-9._-]{0,20}", fullmatch=True)}, optional=OPTIONAL
)


def _places(value: Any, key: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for name, inner in items for place in ((*key, name), *_places(inner, (*key, name)))]


@st.composite
def changed(draw: st.DrawFn) -> Any:
    """A valid study with one to three changes: other values, mistyped, unknown, moved and missing keys.

    A few of them are still studies: a description of other words, say.
    """
    study = draw(VALID)
    for _ in range(draw(st.integers(1, 3))):
        places = _places(study)
        if not places:
            return draw(JUNK)
        *path, last = draw(st.sampled_from(places))
        section = study
        for part in path:
            section = section[part]
        change = draw(st.sampled_from(["value", "value", "typo", "missing", "extra"]))
        if change == "value" or not isinstance(section, dict):
            section[last] = draw(JUNK)
        elif change == "extra":
            section[draw(WORDS)] = draw(JUNK)
        else:
            value = section.pop(last)
            if change == "typo":
                section[draw(st.sampled_from([last[1:], last + last[-1:], last.upper(), last[::-1]])) or "x"] = value
    return study
