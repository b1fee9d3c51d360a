"""What a network is: the hyperparameters of one model, checked, without importing torch."""

import re
from dataclasses import dataclass, field, fields, replace
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, get_args

from fitscape.models.reference import REFERENCE, CodeReference, is_reference
from fitscape.models.registry import FAMILIES, IMAGENET_DEPTHS
from fitscape.models.weight_names import NONE, parse_weights

Shortcut = Literal["projection", "identity", "none"]
Norm = Literal["batch", "group", "none"]
Init = Literal["he", "glorot", "gaussian"]
Stem = Literal["imagenet", "small"]

FOREIGN = ("timm:NAME", "FILE.py:NAME")  # families that are not ours, as a message names them
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

GROWING = ("densenet",)  # families with a growth rate

TIMM = "timm:"  # timm:NAME is a family of one network, that of timm's registry; it needs the extra `timm`
TIMM_FAMILY = r"timm:[a-z0-9_]+"
OWN_FAMILY = rf"(?!timm:){REFERENCE}"  # code of the user's, as a JSON Schema's pattern too
READ = "read "  # `read NAME` is the network of a run that was read (study/importing): a name, which nothing builds
# timm's networks come as they are. Only our dropout is theirs too; the others stay at these, which say nothing. A
# network of the user's own takes none of ours.
TIMM_HYPERPARAMETERS: dict[str, Any] = {
    "depth": 0,
    "width": 1.0,
    "shortcut": "none",
    "norm": "batch",
    "init": "he",
    "stem": "small",
    "growth_rate": 32,
}


Value = bool | int | float | str


class Keywords(dict[str, Value]):
    """What a network of the user's own is called with: never changed, and equal ones hash alike."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """The hyperparameters of one network.

    ``plain`` is ``resnet`` without shortcuts and nothing else changed. Depths 18 and 34 are the ImageNet
    family, 20 to 110 the CIFAR family (He et al. 2015, sections 4.1 and 4.2). An unset ``shortcut`` becomes
    what the paper used: projection at 18 and 34, the parameter-free option A at 20 to 110, none elsewhere.
    A ``timm:NAME`` takes ``dropout`` and ``weights``, and none of the others. Whether timm knows the name is checked
    when the network is built. A network of your own takes ``keywords`` and nothing else. ``read NAME`` is the network
    of a run that was read. It has only its name.

    Raises:
        ValueError: a hyperparameter is out of range or two contradict each other; the text starts with its name.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {
        "extra": "forbid",  # unknown keys are refused when a config is read
        "use_attribute_docstrings": True,
    }

    family: str = "resnet"
    """resnet, plain (resnet without shortcuts), densenet, timm:NAME for a network of timm, or your own code:
    my_nets.py:NAME with the file in plugins, or package.module:NAME."""
    depth: int = 18
    """Number of layers: 18 or 34 (ImageNet nets), 20 to 110 (CIFAR nets), 121 for densenet."""
    width: float = 1.0
    """Factor on every channel count, 0.0625 to 2. 1 is the published net."""
    shortcut: Shortcut | None = None
    """Shortcut around each block: projection, identity (no parameters) or none. Unset: as published."""
    norm: Norm = "batch"
    """Normalization after each convolution."""
    init: Init = "he"
    """Distribution of the first weights: he has variance 2 / fan_in, glorot 2 / (fan_in + fan_out), gaussian a standard
    deviation of 0.01."""
    stem: Stem = "small"
    """First layers: small is a 3x3 convolution; imagenet is a 7x7 convolution with stride 2 and a pooling."""
    dropout: float = 0.0
    """Share of units that dropout sets to zero in training, 0 to 1 (1 excluded): before the last layer; densenet: after
    each layer."""
    growth_rate: int = 32
    """Channels that each layer of a densenet adds, 1 to 64. The other families do not use it."""
    keywords: dict[str, Value] = field(default_factory=Keywords)
    """Hyperparameters of your own network or trial, each with its value. A space can search them by their names."""
    weights: str = NONE
    """Weights to start from: none, FILE.safetensors, FILE.pth, torchvision:NAME, timm:NAME or study:NAME. They set
    width, norm and stem."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "keywords", Keywords(self.keywords))
        # Beside the fields, as two specs of one network are equal however they were written down.
        object.__setattr__(self, "_chosen", self.shortcut is not None)
        if not isinstance(self.weights, str):
            raise ValueError(f"weights: {self.weights!r} is not a word")
        parse_weights(self.weights)
        if self.read:
            for hyperparameter, fixed in TIMM_HYPERPARAMETERS.items():
                object.__setattr__(self, hyperparameter, fixed)
            return
        if ".py:" in str(self.family) and not self.own:
            try:
                CodeReference.parse(self.family)
            except ValueError as error:
                raise ValueError(f"family: {error}") from None
        if self.own:
            self._require_fixed("only its own keywords are its hyperparameters")
            if self.dropout != 0:
                raise ValueError(f"dropout: {self.dropout} does not go with {self.family}; make it one of its keywords")
            if self.weights != NONE:
                raise ValueError(f"weights: {self.weights} do not go with {self.family}; its own code may load weights")
            return
        if self.keywords:
            raise ValueError(f"keywords: {self.family} takes none; only a network of your own does")
        if self.timm:
            self._leave_to_timm()
            return
        if self.shortcut is None:
            object.__setattr__(self, "shortcut", published_shortcut(self.family, self.depth))
        for hyperparameter, choices in CHOICES.items():
            if getattr(self, hyperparameter) not in choices:
                known = ", ".join((*choices, *FOREIGN) if hyperparameter == "family" else choices)
                raise ValueError(f"{hyperparameter}: {getattr(self, hyperparameter)!r} is not one of {known}")
        self._make_numbers_canonical()
        if self.depth not in DEPTHS[self.family]:
            allowed = ", ".join(map(str, DEPTHS[self.family]))
            raise ValueError(f"depth: {self.depth} is not a depth of {self.family}, choose {allowed}")
        if not 0.0625 <= self.width <= 2:
            raise ValueError(f"width: {self.width} is outside 0.0625 to 2")
        self._check_dropout()
        if not 1 <= self.growth_rate <= 64:
            raise ValueError(f"growth_rate: {self.growth_rate} is outside 1 to 64")
        if (self.shortcut == "none") != (self.family != "resnet"):
            raise ValueError(
                f"shortcut: '{self.shortcut}' does not go with family '{self.family}'; "
                "resnet takes projection or identity, every other family none"
            )

    def _leave_to_timm(self) -> None:
        """Refuse what timm's networks have no hyperparameter for: a trial must not say that it set what it did not."""
        if not re.fullmatch(TIMM_FAMILY, self.family):
            raise ValueError(
                f"family: '{self.family}' is not timm:NAME, where NAME has small letters, digits and _ "
                "(a part after a dot names weights: set them with weights)"
            )
        self._require_fixed("of these a timm network takes dropout and weights only")
        self._check_dropout()

    def _require_fixed(self, why: str) -> None:
        for hyperparameter, unset in (("shortcut", None), ("depth", type(self).depth)):
            if getattr(self, hyperparameter) == unset:
                object.__setattr__(self, hyperparameter, TIMM_HYPERPARAMETERS[hyperparameter])
        self._make_numbers_canonical()
        for hyperparameter, fixed in TIMM_HYPERPARAMETERS.items():
            value = getattr(self, hyperparameter)
            if value != fixed:
                raise ValueError(f"{hyperparameter}: {value} does not go with {self.family}; {why}")

    def _check_dropout(self) -> None:
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout: {self.dropout} is outside 0 to 1 (1 excluded)")

    def _make_numbers_canonical(self) -> None:
        """One type per hyperparameter, so that equal networks have equal hashes: as JSON, 1 and 1.0 differ."""
        for hyperparameter in WHOLE_NUMBERS + REAL_NUMBERS:
            value, whole = getattr(self, hyperparameter), hyperparameter in WHOLE_NUMBERS
            if type(value) is (int if whole else float):
                continue  # as of every trial that a ledger holds; abstract classes answer slowly
            is_number = isinstance(value, Integral if whole else Real) and not isinstance(value, bool)
            if not is_number:
                raise ValueError(f"{hyperparameter}: {value!r} is not a {'whole ' if whole else ''}number")
            object.__setattr__(self, hyperparameter, int(value) if whole else float(value))

    @property
    def chosen_shortcut(self) -> Shortcut | None:
        """The shortcut that was asked for; None where the network takes what it was published with."""
        return self.shortcut if self.__dict__["_chosen"] else None

    @property
    def timm(self) -> bool:
        """Whether the network is one of timm's."""
        return str(self.family).startswith(TIMM)

    @property
    def own(self) -> bool:
        """Whether the network is code of the user's."""
        return is_own(self.family)

    @property
    def foreign(self) -> bool:
        """Whether the network is none of ours: it comes in one width and depth, and multiplies in its own ways."""
        return self.timm or self.own

    @property
    def read(self) -> bool:
        """Whether the network is that of a run which was read."""
        return str(self.family).startswith(READ)

    @property
    def name(self) -> str:
        """Family and depth in one word, as the field writes it: ``resnet18``; a foreign family is its own name."""
        if self.read:
            return self.family.removeprefix(READ)
        return self.family if self.foreign else f"{self.family}{self.depth}"

    def replace(self, **hyperparameters: Any) -> "ModelSpec":
        """A copy with other hyperparameters.

        Where they name no shortcut, the one that was asked for stays, if the family has it; else each network takes
        what it was published with. A growth rate stays with the families that have one.
        """
        family = hyperparameters.get("family", self.family)
        shortcut = self.chosen_shortcut
        if (shortcut == "none") != (family != "resnet"):
            shortcut = None
        kept: dict[str, Any] = {"shortcut": shortcut}
        if "family" in hyperparameters and family not in GROWING:
            kept["growth_rate"] = type(self).growth_rate
        if not is_own(family):
            kept["keywords"] = {}
        return replace(self, **kept | hyperparameters)


def published_shortcut(family: str, depth: int) -> Shortcut:
    """He et al. 2015: projection at 18 and 34 layers, the parameter-free option A at 20 to 110; none elsewhere."""
    if family != "resnet":
        return "none"
    return "projection" if depth in IMAGENET_DEPTHS else "identity"


def is_own(family: object) -> bool:
    """Whether a family, or an architecture, is code of the user's."""
    return is_reference(family) and not str(family).startswith(TIMM)


MODEL_HYPERPARAMETERS = tuple(f.name for f in fields(ModelSpec) if f.name != "keywords")  # those have their own names


def architectures() -> list[str]:
    """Every name that the ``architecture`` hyperparameter takes, but for ``timm:NAME``."""
    return [f"{family}{depth}" for family, depths in DEPTHS.items() for depth in depths]


def parse_architecture(name: str) -> tuple[str, int]:
    """``resnet18`` -> ``("resnet", 18)``; a foreign one -> its name and 0, whether or not there is such a network.

    Raises:
        ValueError: no such architecture.
    """
    if name.startswith(TIMM) or is_own(name):
        return name, TIMM_HYPERPARAMETERS["depth"]
    match = re.fullmatch(r"([a-z]+)(\d+)", name)
    if match is None or int(match[2]) not in DEPTHS.get(match[1], ()):
        raise ValueError(f"architecture: '{name}' is not one of {', '.join([*architectures(), *FOREIGN])}")
    return match[1], int(match[2])
