"""What differs between two studies' configurations, code and data."""

from dataclasses import dataclass
from typing import Any, Final, Literal

from fitscape.study.config import Range
from fitscape.study.opened import OpenStudy
from fitscape.study.search.space import hyperparameters

Kind = Literal["training", "data", "search", "thresholds", "code"]
UNSET: Final = "unset"
_IGNORED: Final = {"data.root", "base.seed"}
_KINDS: Final[dict[str, Kind]] = {"data": "data", "search": "search", "regimes": "thresholds", "enqueue": "search"}
_ARITHMETIC: Final = ("precision", "memory_format")  # the resources that change a trial's numbers


@dataclass(frozen=True)
class Difference:
    """One value that is not the same in both studies."""

    kind: Kind
    key: str  # dotted, as in study.yaml
    first: str
    second: str

    def __str__(self) -> str:
        return f"{self.key}: {self.first} -> {self.second}"


def differences(first: OpenStudy, second: OpenStudy) -> list[Difference]:
    """In the order training, data, search, thresholds, code; what only one study searches is a difference of search."""
    a, b = _described(first), _described(second)
    found = [
        Difference(kind, key, a.get((kind, key), UNSET), b.get((kind, key), UNSET))
        for kind, key in dict.fromkeys([*a, *b])
        if a.get((kind, key), UNSET) != b.get((kind, key), UNSET)
    ]
    searched = {*first.space, *second.space}
    found = [one for one in found if one.kind != "training" or one.key.rsplit(".", 1)[-1] not in searched]
    order: tuple[Kind, ...] = ("training", "data", "search", "thresholds", "code")
    return sorted(found, key=lambda one: order.index(one.kind))


def _described(study: OpenStudy) -> dict[tuple[Kind, str], str]:
    config = study.config.model_dump(mode="json", exclude={"space"})
    rows: dict[tuple[Kind, str], str] = {}
    for key, value in _flat({name: config[name] for name in ("base", *_KINDS)}):
        if key not in _IGNORED:
            rows[_KINDS.get(key.split(".")[0], "training"), key] = _text(value)
    for name in _ARITHMETIC:
        rows["training", f"resources.{name}"] = _text(config["resources"][name])
    for name, hyperparameter in hyperparameters(study.space).items():
        rows["search", f"space.{name}"] = _range(hyperparameter)
    for name in sorted({"family", "depth"} if "architecture" in study.space else ()):
        rows.pop(("training", f"base.model.{name}"), None)  # the searched architecture has them
    return rows | _provenance(study)


def _provenance(study: OpenStudy) -> dict[tuple[Kind, str], str]:
    known = study.provenance
    rows: dict[tuple[Kind, str], Any] = {
        ("data", "data fingerprint"): known.get("data_fingerprint"),
        ("data", "image size"): known.get("data", {}).get("input_shape"),
        ("code", "code of a trial"): known.get("code", {}).get("trial_code"),
        ("code", "your own code"): known.get("code", {}).get("own_code"),
        ("code", "torch"): known.get("versions", {}).get("torch"),
    }
    return {key: _text(value) for key, value in rows.items()}


def _flat(tree: dict[str, Any], before: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in tree.items():
        inside = isinstance(value, dict) and value
        found += _flat(value, f"{before}{name}.") if inside else [(f"{before}{name}", value)]
    return found


def _range(hyperparameter: Any) -> str:
    if isinstance(hyperparameter, Range):
        return f"{hyperparameter.low:g} to {hyperparameter.high:g}" + (" (log)" if hyperparameter.log else "")
    return ", ".join(map(str, hyperparameter.choices))


def _text(value: Any) -> str:
    if value is None or value in ("", [], {}):
        return UNSET
    if isinstance(value, list | tuple):
        return " x ".join(map(str, value)) if all(isinstance(v, int) for v in value) else f"{len(value)} values"
    return f"{value:g}" if isinstance(value, float) else str(value)
