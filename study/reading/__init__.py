"""A study's configuration from YAML, a recipe and ``--set`` options; refused in one line that says what is right.

Everything is checked here, in well under a second and before Ray, torch or MLflow is imported (torch is, where a study
names a network of timm or code of the user's).
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from fitscape.study.config import Metric, StudyConfig
from fitscape.study.errors import UserError
from fitscape.study.reading import hyperparameters, overrides, timm_names
from fitscape.study.reading.document import Document, read
from fitscape.study.reading.explain import Problem, problems, shown
from fitscape.study.reading.keys import keys_at
from fitscape.study.reading.overrides import Override, parse_set
from fitscape.study.reading.own_code import absolute_plugins, keyword_problems, with_own_code
from fitscape.study.reading.retired import retired_problems
from fitscape.study.releases import study_as_stored, without_retired

__all__ = ["Check", "Override", "load_config", "override", "parse_set", "validate"]


Check = Callable[[StudyConfig], object]


def load_config(
    path: Path,
    changes: Iterable[Override] = (),
    also: Check | None = None,
    *,
    frozen: bool = False,
    on_retired: Callable[[str], object] | None = None,
) -> StudyConfig:
    """The study of a YAML file, with some of its values replaced.

    Args:
        frozen: the file is the one in a study's folder, which holds every key of the release that wrote it: a later
            one that it lacks is what that release did, not the default of new studies.
        also: a further check; where its UserError names a key, the file and the line are put before it.
        on_retired: gets a line for each thing that the study of an earlier release asks for and that is gone. None:
            such a study is refused.

    Raises:
        UserError: not readable, not strict YAML, or no valid study; the text names file, line and key.
    """
    document = absolute_plugins(read(path), path.parent)
    if frozen and isinstance(document.value, dict):
        document = replace(document, value=study_as_stored(document.value))
    return validate(document, changes, also, on_retired, frozen=frozen)


def override(config: StudyConfig, changes: Sequence[Override], origin: str, also: Check | None = None) -> StudyConfig:
    """A study with some of its values replaced; ``origin`` names it in messages (``recipe quickstart``).

    Raises:
        UserError: the result is no valid study; the text names the option and the key.
    """
    return validate(Document(config.model_dump(mode="json"), origin), changes, also)


def validate(
    document: Document,
    changes: Iterable[Override] = (),
    also: Check | None = None,
    on_retired: Callable[[str], object] | None = None,
    *,
    frozen: bool = False,
) -> StudyConfig:
    """A document as a study; in a frozen one nothing of the user's own code is left to be found out.

    Raises:
        UserError: the first of its problems.
    """
    if not isinstance(document.value, dict):
        _refuse(document, [Problem((), f"{shown(document.value)} is not a study", _keys_hint())])
    document = overrides.apply(document, changes)
    for problem in retired_problems(document):
        if on_retired is None:
            _refuse(document, [problem])
        else:
            on_retired(problem.what)
    document = replace(document, value=without_retired(document.value))
    if not frozen:
        document = with_own_code(document)
    _refuse(document, list(hyperparameters.networks_that_were_read(document)))
    _refuse(document, list(hyperparameters.unknown_hyperparameters(document)))
    points = document.value.get("enqueue", [])
    config = _validated(document, {**document.value, "enqueue": []})
    if isinstance(config.space, str):
        _require_space(config.space, document)
        _refuse(document, list(_noisy_space(config.space, config.data.metric)))
    _refuse(document, [*hyperparameters.space_problems(config), *hyperparameters.enqueue_problems(points, config.base)])
    config = _validated(document, document.value)
    _refuse(document, list(hyperparameters.growth_rate_problems(config)))
    _refuse(document, [*timm_names.timm_problems(config, points), *keyword_problems(config)])
    if also is not None:
        try:
            also(config)
        except UserError as error:
            key = tuple(error.where.split("."))
            raise UserError(error.what, where=document.where(key), fix=error.fix) from None
    return config


def _validated(document: Document, value: dict[str, object]) -> StudyConfig:
    try:
        # By way of JSON, where lists are tuples: strict, so that neither '24' nor true is a number.
        return StudyConfig.model_validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        found = problems(error, value)
        raise found[0].error(document, len(found) - 1) from None


def _refuse(document: Document, found: list[Problem]) -> None:
    if found:
        raise found[0].error(document, len(found) - 1)


def _require_space(space: str, document: Document) -> None:
    from fitscape import search_spaces

    if space not in search_spaces.names():
        raise overrides.unknown_space(space, document)


def _noisy_space(space: str, metric: Metric) -> Iterator[Problem]:
    """As ``StudyConfig`` says of a space that is written down."""
    from fitscape import search_spaces

    if metric == "balanced_error" and "label_noise" in search_spaces.get(space):
        yield Problem(("data", "metric"), f"balanced_error does not go with label noise, which '{space}' searches", "")


def _keys_hint() -> str:
    return f"a study has the keys {', '.join(keys_at(()) or ())}"
