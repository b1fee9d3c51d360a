"""The one diagram of the architecture is what import-linter holds."""

import ast
import re
import tomllib

import pytest
from pages import REPOSITORY, blocks

from fitscape.study.config import SearchConfig
from fitscape.study.samplers import SAMPLERS
from fitscape.study.search.designs import DESIGNS

CONTRACTS = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
PREFIX = "fitscape."  # which the page leaves out
ROOM = re.compile(r"(?<![\w.])(?:study\.\w+|models|search_spaces)(?![\w.])")


def levels() -> list[set[str]]:
    """The rooms of the diagram, from the top; levels are divided by lines that hold a bar and nothing else."""
    diagram = next(block.text for block in blocks(REPOSITORY / "docs/architecture.md"))
    return [set(ROOM.findall(part)) for part in re.split(r"^ *\| *$", diagram, flags=re.M)]


def test_the_diagrams_levels_are_the_layers_of_the_contract() -> None:
    (layers,) = (contract["layers"] for contract in CONTRACTS if contract["type"] == "layers")
    assert levels() == [set(re.split(r" [|:] ", layer.replace(PREFIX, ""))) for layer in layers]


def test_every_room_is_drawn() -> None:
    folder = REPOSITORY / "study"
    inside = [*folder.glob("[a-z]*.py"), *(path.parent for path in folder.glob("*/__init__.py"))]
    assert set().union(*levels()) == {f"study.{path.stem}" for path in inside} | {"models", "search_spaces"}


def test_a_class_is_called_as_no_other_class_is() -> None:
    """So that a name leads to one thing, whatever room it is read in."""
    found: dict[str, list[str]] = {}
    for folder in ("study", "models", "search_spaces"):
        for path in sorted((REPOSITORY / folder).rglob("*.py")):
            for node in ast.parse(path.read_text()).body:
                if isinstance(node, ast.ClassDef):
                    found.setdefault(node.name, []).append(str(path.relative_to(REPOSITORY)))
    assert {name: files for name, files in found.items() if len(files) > 1} == {}


def test_every_door_is_a_contract_on_all_other_rooms() -> None:
    rooms = set().union(*levels()) - {"models", "search_spaces"}
    doors = {c["name"]: set(re.findall(r"study\.\w+", c["name"])) for c in CONTRACTS if " by study." in c["name"]}
    assert len(doors) == 4
    for contract in CONTRACTS:
        if contract["name"] in doors:
            assert {name.removeprefix(PREFIX) for name in contract["source_modules"]} == rooms - doors[
                contract["name"]
            ], contract["name"]


def rows(heading: str) -> list[list[str]]:
    """The cells of the table below a heading, its own head left out."""
    text = (REPOSITORY / "docs/architecture.md").read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    found = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line[:1] == "|"]
    return found[2:]


def defines(file: str, name: str) -> bool:
    """Whether a module defines the name at its top level."""
    tree = ast.parse((REPOSITORY / file).read_text())
    names = {getattr(node, "name", None) for node in tree.body}
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return name in names


@pytest.mark.parametrize(("question", "file", "name"), rows("Where is it?"))
def test_a_question_leads_to_the_file_that_answers_it(question: str, file: str, name: str) -> None:
    assert question.endswith("?")
    assert defines(file.strip("`"), name.strip("`")), f"{file} does not define {name}: {question}"


@pytest.mark.parametrize(("added", "written", "line"), rows("To add something"))
def test_what_an_addition_touches_is_there(added: str, written: str, line: str) -> None:
    named = re.findall(r"`([\w/]+(?:/|\.py|\.html\.j2))`", f"{written} {line}")
    for path in named:
        assert (REPOSITORY / path).exists() or (REPOSITORY / path).parent.is_dir(), f"{added}: {path}"
    registry = re.match(r"`([\w/.]+\.py)` `(\w+)`", line)
    if registry:
        assert defines(registry[1], registry[2]), f"{added}: {registry[0]}"


@pytest.mark.parametrize("name", sorted(SAMPLERS))
def test_a_sampler_is_named_once_and_found_everywhere(name: str) -> None:
    assert SearchConfig(sampler=name).sampler == name
    assert callable(SAMPLERS[name].load())
    assert (name in DESIGNS) is not SAMPLERS[name].adaptive
