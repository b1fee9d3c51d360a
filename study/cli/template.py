"""The study that ``fitscape init`` writes: every key of a config with its default and what its docstring says."""

import textwrap
from typing import Any

from fitscape.models.spec import CHOICES
from fitscape.study.config import StudyConfig
from fitscape.study.reading.document import dump
from fitscape.study.reading.schema import json_schema

Path = tuple[str, ...]  # of keys
WIDTH = 110
HEAD = """\
# A study of Fitscape. Run it with:  fitscape run study.yaml
# Every key is here. Where a key has a default, that is its value; leave out what you do not need.
# `fitscape schema` prints a JSON Schema for your editor.
"""
# Where an example says more than the default. 12 steps per epoch are 120 in all, however few images a trial sees;
# one pass over 2 % of digits would be one step.
EXAMPLES: dict[Path, Any] = {
    ("name",): "my-study",
    ("description",): "Where do three families underfit, fit well and overfit on my data?",
    ("base", "model", "width"): 0.25,
    ("base", "model", "shortcut"): None,  # the default's own would not go with another family
    ("base", "optimization", "steps_per_epoch"): 12,
    ("space",): {
        "architecture": {"choices": ["resnet18", "plain18", "densenet121"]},
        "width": {"low": 0.125, "high": 0.5, "log": True},
        "train_fraction": {"low": 0.02, "high": 1.0, "log": True},
        "weight_decay": {"low": 1e-5, "high": 1e-1, "log": True},
    },
    ("enqueue",): [{"architecture": "resnet18", "width": 0.5, "train_fraction": 1.0}],
}


def template() -> str:
    """The text of a ``study.yaml`` to start from. It runs as it is."""
    schema = json_schema()
    default = StudyConfig(name="my-study").model_dump(mode="json")
    return "\n".join([HEAD, *_section(schema, schema["$defs"], default, ())])


def _section(
    section: dict[str, Any], named: dict[str, Any], values: dict[str, Any], path: tuple[str, ...]
) -> list[str]:
    lines: list[str] = []
    margin = "  " * len(path)
    for key, value in values.items():
        here = (*path, key)
        facts = section["properties"][key]
        inner = named.get(facts.get("$ref", "").rpartition("/")[2])
        comment = _said(facts, here)
        example = EXAMPLES.get(here, value)
        lines += [""] if not path and isinstance(example, dict | list) else []
        lines += _comment(comment, margin)
        if inner and "properties" in inner:
            lines += [f"{margin}{key}:", *_section(inner, named, value, here)]
        else:
            lines += _entry(key, example, margin)
    return lines


def _said(facts: dict[str, Any], path: Path) -> str:
    """A key's docstring, and the words that it takes where the docstring does not have them all."""
    text = " ".join(facts.get("description", "").split())
    options = [o for o in facts.get("enum", CHOICES.get(path[-1], ())) if o is not None]
    if path[-1] in ("family", "architecture") or all(str(option) in text for option in options):
        return text
    return f"{text} One of {', '.join(map(str, options))}."


def _comment(text: str, margin: str) -> list[str]:
    return [f"{margin}# {line}" for line in textwrap.wrap(text, WIDTH - len(margin))]


def _entry(key: str, value: Any, margin: str) -> list[str]:
    return textwrap.indent(dump({key: value}, compact=isinstance(value, dict | list)), margin).rstrip("\n").split("\n")
