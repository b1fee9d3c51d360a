"""What a network is: the dials of one model, checked, without importing torch."""

import re
from dataclasses import asdict, dataclass, fields, replace
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, get_args

from models.registry import FAMILIES, IMAGENET_DEPTHS

Shortcut = Literal["projection", "identity", "none"]
Norm = Literal["batch", "group", "none"]
Init = Literal["he", "glorot", "gaussian"]
Stem = Literal["imagenet", "small"]

DEPTHS: dict[str, tuple[int, ...]] = {family: entry.depths for family, entry in FAMILIES.items()}
CHOICES: dict[str, tuple[str, ...]] = {
    "family": tuple(DEPTHS),
    "shortcut": get_args(Shortcut),
    "norm": get_args(Norm),
    "init": get_args(Init),
    "stem": get_args(Stem),
}
WHOLE_NUMBERS = ("depth", "growth_rate")
REAL_NUMBERS = ("width", "dropout")


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """The dials of one network.

    ``plain`` is ``resnet`` without shortcuts and nothing else changed. Depths 18 and 34 are the ImageNet
    family, 20 to 110 the CIFAR family (He et al. 2015, sections 4.1 and 4.2). An unset ``shortcut`` becomes
    what the paper used: projection at 18 and 34, the parameter-free option A at 20 to 110, none elsewhere.

    Raises:
        ValueError: a dial is out of range or two dials contradict each other; the text starts with the dial.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {
        "extra": "forbid"
    }  # unknown keys are refused when a config is read

    family: str = "resnet"
    depth: int = 18
    width: float = 1.0  # multiplies every channel count; 1 is the published net, 1/16 has 4 channels for 64
    shortcut: Shortcut | None = None
    norm: Norm = "batch"
    init: Init = "he"
    stem: Stem = "small"
    dropout: float = 0.0
    growth_rate: int = 32  # DenseNet only

    def __post_init__(self) -> None:
        if self.shortcut is None:
            object.__setattr__(self, "shortcut", self._published_shortcut())
        for dial, choices in CHOICES.items():
            if getattr(self, dial) not in choices:
                raise ValueError(f"{dial}: {getattr(self, dial)!r} is not one of {', '.join(choices)}")
        self._make_numbers_canonical()
        if self.depth not in DEPTHS[self.family]:
            allowed = ", ".join(map(str, DEPTHS[self.family]))
            raise ValueError(f"depth: {self.depth} is not a depth of {self.family}, choose {allowed}")
        if not 0.0625 <= self.width <= 2:
            raise ValueError(f"width: {self.width} is outside 0.0625 to 2")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout: {self.dropout} is outside 0 to 1 (1 excluded)")
        if not 1 <= self.growth_rate <= 64:
            raise ValueError(f"growth_rate: {self.growth_rate} is outside 1 to 64")
        if (self.shortcut == "none") != (self.family != "resnet"):
            raise ValueError(
                f"shortcut: '{self.shortcut}' does not go with family '{self.family}'; "
                "resnet takes projection or identity, every other family none"
            )

    def _make_numbers_canonical(self) -> None:
        """One type a dial, so that equal networks have equal hashes: as JSON, 1 and 1.0 differ."""
        for dial in WHOLE_NUMBERS + REAL_NUMBERS:
            value, whole = getattr(self, dial), dial in WHOLE_NUMBERS
            is_number = isinstance(value, Integral if whole else Real) and not isinstance(value, bool)
            if not is_number:
                raise ValueError(f"{dial}: {value!r} is not a {'whole ' if whole else ''}number")
            object.__setattr__(self, dial, int(value) if whole else float(value))

    def _published_shortcut(self) -> Shortcut:
        if self.family != "resnet":
            return "none"
        return "projection" if self.depth in IMAGENET_DEPTHS else "identity"

    @property
    def name(self) -> str:
        """Family and depth in one word, as the field writes it: ``resnet18``."""
        return f"{self.family}{self.depth}"

    def replace(self, **dials: Any) -> "ModelSpec":
        """A copy with other dials; a changed family or depth takes its own published shortcut again."""
        if {"family", "depth"} & dials.keys():
            dials.setdefault("shortcut", None)
        return replace(self, **dials)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


MODEL_DIALS = tuple(f.name for f in fields(ModelSpec))


def architectures() -> list[str]:
    """Every name that the ``architecture`` dial takes."""
    return [f"{family}{depth}" for family, depths in DEPTHS.items() for depth in depths]


def parse_architecture(name: str) -> tuple[str, int]:
    """``resnet18`` -> ``("resnet", 18)``.

    Raises:
        ValueError: no such architecture.
    """
    match = re.fullmatch(r"([a-z]+)(\d+)", name)
    if match is None or int(match[2]) not in DEPTHS.get(match[1], ()):
        raise ValueError(f"architecture: '{name}' is not one of {', '.join(architectures())}")
    return match[1], int(match[2])
