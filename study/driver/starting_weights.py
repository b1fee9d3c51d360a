"""The weights that a study's trials start from: read once, here, pinned to their content, and tried on its networks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fitscape.models.weight_names import NONE, WeightName, parse_weights
from fitscape.study.config import Choices, StudyConfig, TrialConfig
from fitscape.study.errors import UserError

if TYPE_CHECKING:
    from fitscape.models.starting_weights import Changes, StartingWeights
    from fitscape.study.data import SealedData
    from fitscape.study.weights import WeightSource

WHERE = "model.weights"
SET = ("width", "norm", "stem", "shortcut", "growth_rate")  # hyperparameters that weights may set
NAMING = ("architecture", "family", "depth")
TRIED_ON = 64  # pixels a side, at which every family can be built: keys do not depend on it


@dataclass(frozen=True)
class Pinned:
    """A study's config with its weights named by their content, and those weights by these names."""

    config: StudyConfig
    sources: "Mapping[str, WeightSource]" = field(default_factory=dict)
    notes: tuple[str, ...] = ()  # sentences for a person

    @property
    def weights(self) -> "Mapping[str, StartingWeights]":
        return {name: source.weights for name, source in self.sources.items()}


def pin(config: StudyConfig, root: Path) -> Pinned:
    """Read every weights that the study names, and let them set the width, norm and stem of its networks.

    Torch is imported only where a study names weights.

    Args:
        config: the study.
        root: the runs folder, where the nets of other studies are.

    Raises:
        UserError: weights that cannot be had, have changed, contradict the study, or do not fit its networks.
    """
    named = {text: name for text in _named(config) if (name := parse_weights(text)) is not None}
    if not named:
        return Pinned(config)
    from fitscape.study.weights import read

    found = {text: read(name, root) for text, name in named.items()}
    names = {text: str(_absolute(name).pinned(found[text].weights.digest)) for text, name in named.items()}
    config, notes = _as_the_weights_say(_renamed(config, names), {names[t]: s for t, s in found.items()})
    sources = {names[text]: source for text, source in found.items()}
    for trial in candidates(config):
        if not trial.model.timm:  # whose parameters may depend on the size of images
            channels = len(sources[trial.model.weights].weights.mean)
            tried(trial, sources[trial.model.weights], (channels, TRIED_ON, TRIED_ON), ("0", "1"))
    return Pinned(config, sources, (*notes, *dict.fromkeys(s.note for s in found.values() if s.note)))


def record(pinned: Pinned, data: "SealedData") -> dict[str, Any]:
    """What the ledger keeps of the weights: JSON, by their names; empty where there are none.

    Raises:
        UserError: weights that do not fit the networks for these images, or that have seen held-out ones.
    """
    told: dict[str, Any] = {}
    for trial in candidates(pinned.config):
        name = trial.model.weights
        source = pinned.sources[name]
        changed = tried(trial, source, data.trial_data.input_shape, data.trial_data.classes)
        if name not in told:
            require_unseen(name, source, data)
            told[name] = {
                **source.facts,
                "digest": source.weights.digest,
                "head": changed.head or "taken over",
                "stem": changed.stem or "taken over",
                "mean": source.weights.mean,
                "std": source.weights.std,
            }
    return told


def sentences(recorded: Mapping[str, Any]) -> Iterator[str]:
    """``record`` for a person."""
    for name, facts in recorded.items():
        yield f"weights {name}: head {facts['head']}; stem {facts['stem']}"


def require_unseen(name: str, source: "WeightSource", data: "SealedData") -> None:
    """Refuse weights that were trained on images which this study holds out.

    Raises:
        UserError: some are in validation or test, or it cannot be known although the data set is the same.
    """
    if source.seen is None:
        return
    shape = tuple(source.facts.get("input_shape", ()))
    if shape != data.trial_data.input_shape:
        if source.facts.get("dataset") != data.config.dataset:
            return  # images of another size are other images, byte by byte
        what = f"{name} was trained on {data.config.dataset} in {_size(shape)}, so what it has seen is unknown"
        raise UserError(what, where=WHERE, fix=f"set data.image_size to {shape[-1]}")
    found = {part: count for part, count in data.known(source.seen).items() if count and part != "train"}
    if found:
        held = " and ".join(f"{count} images of {part}" for part, count in found.items())
        fix = "train it on other images, or give both studies the same split_seed and fractions"
        raise UserError(f"{name} was trained on {held}", where=WHERE, fix=fix)


def tried(
    trial: TrialConfig, source: "WeightSource", input_shape: tuple[int, int, int], classes: tuple[str, ...]
) -> "Changes":
    """What the weights need changed for a trial's network.

    Raises:
        UserError: they do not fit, or there is no such network for such images.
    """
    from fitscape.models.build import blueprint
    from fitscape.models.starting_weights import changes

    try:
        net = blueprint(trial.model, input_shape, len(classes))
    except ValueError as error:
        raise UserError(str(error).removeprefix("input_shape: "), where="base.model") from error
    try:
        return changes(net, source.weights, classes)
    except ValueError as error:
        what = f"{trial.model.weights} do not fit {trial.model.name}: {error}"
        raise UserError(what, where=WHERE, fix="take the weights of that network") from error


def candidates(config: StudyConfig) -> Iterator[TrialConfig]:
    """A trial for each network and weights that the study may put together; those without weights are left out."""
    space = config.space if isinstance(config.space, dict) else {}
    searched = {name: found.choices for name in (*NAMING, "weights") if isinstance(found := space.get(name), Choices)}
    corners = [dict(zip(searched, values, strict=True)) for values in product(*searched.values())]
    seen = set()
    for point in (*corners, *config.enqueue):
        try:
            trial = config.base.with_hyperparameters(dict(point))
        except ValueError:  # two hyperparameters contradict each other in this corner
            continue
        if trial.model.weights != NONE and trial.model not in seen:
            seen.add(trial.model)
            yield trial


def _named(config: StudyConfig) -> list[str]:
    """Every value of ``weights``, once."""
    space = config.space if isinstance(config.space, dict) else {}
    choices = getattr(space.get("weights"), "choices", ())
    return list(
        dict.fromkeys([config.base.model.weights, *choices, *(p["weights"] for p in config.enqueue if "weights" in p)])
    )


def _renamed(config: StudyConfig, names: Mapping[str, str]) -> StudyConfig:
    """The config with other names of weights, wherever they stand."""
    base = config.base.with_hyperparameters({"weights": names.get(config.base.model.weights, NONE)})
    space = config.space
    if isinstance(space, dict) and isinstance(found := space.get("weights"), Choices):
        space = {**space, "weights": Choices(choices=tuple(names.get(str(c), str(c)) for c in found.choices))}
    enqueue = tuple(
        {**p, "weights": names.get(p["weights"], p["weights"])} if "weights" in p else p for p in config.enqueue
    )
    return config.model_copy(update={"base": base, "space": space, "enqueue": enqueue})


def _as_the_weights_say(config: StudyConfig, sources: "Mapping[str, WeightSource]") -> tuple[StudyConfig, list[str]]:
    """The config with the width, norm and stem of its weights in the base; a sentence for each that this changes."""
    from fitscape.models.starting_weights import implied

    wanted: dict[str, Any] = {}
    for trial in candidates(config):
        model, weights = trial.model, sources[trial.model.weights].weights
        said = implied(model.family, model.depth, model.growth_rate, weights.tensors)
        said |= {name: value for name, value in weights.model.items() if name in SET and value is not None}
        for name, value in said.items():
            if wanted.setdefault(name, value) != value:
                what = f"all weights of a study need the same {name}: some have {wanted[name]}, others {value}"
                raise UserError(what, where=WHERE, fix="put them into studies of their own")
    for name in wanted:
        if isinstance(config.space, dict) and name in config.space:
            raise UserError("is set by the weights", where=f"space.{name}", fix="leave it out")
    before = config.base.model
    wanted = {name: value for name, value in wanted.items() if getattr(before, name) != value}
    try:
        base = config.base.with_hyperparameters(wanted) if wanted else config.base
    except ValueError as error:  # a ResNet18's stem makes a ResNet20 four times as wide as any may be
        what = f"the weights do not fit {before.name}: {error}"
        raise UserError(what, where=WHERE, fix="take the weights of that network") from error
    notes = [
        f"{name} is {value}, as in the weights (the study said {getattr(before, name)})"
        for name, value in wanted.items()
    ]
    return config.model_copy(update={"base": base}), notes


def _absolute(name: WeightName) -> WeightName:
    from fitscape.study.paths import expanded

    if name.kind != "file":
        return name
    return WeightName(kind="file", name=str(expanded(name.name).absolute()), digest=name.digest)


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[-2]}x{shape[-1]} pixels and {shape[0]} channels" if len(shape) == 3 else "another size"
