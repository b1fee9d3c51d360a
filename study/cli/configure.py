"""From the words of ``fitscape run`` to a checked study, without torch, Ray or MLflow."""

import os
from pathlib import Path
from typing import Any

from fitscape.study import recipes
from fitscape.study.config import StudyConfig
from fitscape.study.data import check_files
from fitscape.study.errors import UserError
from fitscape.study.paths import expanded
from fitscape.study.reading import Check, Override, load_config, override, parse_set
from fitscape.study.reading.document import Key
from fitscape.study.reading.keys import did_you_mean
from fitscape.study.recipes.scale import of_your_own
from fitscape.study.scheduling.cluster import available_cpus, count_gpus, require_one_card, require_resources

# A recipe takes its data set as an argument: its image size and number of images follow from it. One that tunes weights
# takes them so too: they stand in its space.
ASKED_OF_RECIPE: dict[Key, str] = {("data", "dataset"): "dataset", ("base", "model", "weights"): "weights"}


def configure(
    study: str,
    changes: list[Override],
    scale: str | None = None,
    address: str | None = None,
    *,
    data_here: bool = True,
) -> StudyConfig:
    """The study that a recipe or a file describes, with some of its values replaced.

    Args:
        study: the name of a recipe, or the path of a YAML file.
        scale: of a recipe; None takes the recipe's own.
        address: of a Ray cluster; None: a trial must fit on this machine.
        data_here: False where another machine drives the study: an image folder is looked for there.

    Raises:
        UserError: unknown recipe, key, data set or value, or more than this machine has; the text says where, and
            what would be right.
    """

    def possible(config: StudyConfig) -> None:
        if data_here or not config.data.dataset.startswith("folder:"):
            check_files(config.data)
        if address is None:
            require_resources(config.resources, cpus=available_cpus(), gpus=count_gpus(), where="this machine")
        else:
            require_one_card(config.resources)

    if of_your_own(study) or Path(study).is_dir():
        data = study if of_your_own(study) else f"folder:{study}"
        raise UserError(f"'{study}' is data, not a study", fix=f"name a recipe: regimes --set data.dataset={data}")
    if not _is_file(study):
        return from_recipe(study, changes, scale, possible)
    if scale is not None:
        raise UserError("is for recipes", where="--scale", fix="change the file's own values")
    return load_config(expanded(study), changes, possible)


def changes_of(
    sets: list[str], options: dict[str, tuple[str, object]], plugins: list[str] | None = None
) -> list[Override]:
    """``--set`` texts, options (option -> dotted key and value; None: not given) and ``--plugin`` as replacements."""
    files = [str(expanded(plugin).absolute()) for plugin in plugins or ()]
    first = [Override(("plugins",), files, "--plugin", extends=True)] if files else []
    given = [(o, key, value) for o, (key, value) in options.items() if value is not None]
    return [*first, *map(parse_set, sets), *(Override(tuple(key.split(".")), value, o) for o, key, value in given)]


def options_of(
    name: str | None,
    trials: int | None,
    sampler: str | None,
    tracking_uri: str | None,
    until: dict[str, float] | None = None,
) -> dict[str, tuple[str, object]]:
    """The options of a study, as ``changes_of`` takes them."""
    return {
        "--name": ("name", name),
        "--trials": ("search.trials", trials),
        "--sampler": ("search.sampler", sampler),
        "--tracking-uri": ("tracking.uri", tracking_uri),
        "--until": ("search.until", until),
    }


def _is_file(study: str) -> bool:
    return study.endswith((".yaml", ".yml")) or os.sep in study or Path(study).is_file()


def from_recipe(name: str, changes: list[Override], scale: str | None, also: Check | None = None) -> StudyConfig:
    """A recipe with some of its values replaced; what follows from its data set follows from the one that is asked for.

    Raises:
        UserError: as ``configure``.
    """
    if name not in recipes.names():
        hint = did_you_mean(name, recipes.names())
        fix = f"{hint}{' ' if hint.endswith('?') else ', '}or name a .yaml file"
        raise UserError(f"no recipe is called '{name}'", fix=fix)
    keywords: dict[str, Any] = {"scale": scale} if scale is not None else {}
    known = recipes.arguments(name)
    rest = []
    for change in changes:
        bare = str(change.key[0]) if len(change.key) == 1 else ""
        keyword = ASKED_OF_RECIPE.get(change.key, bare)
        if keyword in known and isinstance(change.value, str):
            keywords[keyword] = change.value
        if keyword not in known or keyword != bare:
            rest.append(change)
    return override(recipes.get(name, **keywords), rest, f"recipe {name}", also)
