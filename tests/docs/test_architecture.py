"""The one diagram of the architecture is what import-linter holds."""

import re
import tomllib

from pages import REPOSITORY, blocks

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


def test_every_door_is_a_contract_on_all_other_rooms() -> None:
    rooms = set().union(*levels()) - {"models", "search_spaces"}
    doors = {c["name"]: set(re.findall(r"study\.\w+", c["name"])) for c in CONTRACTS if " by study." in c["name"]}
    assert len(doors) == 4
    for contract in CONTRACTS:
        if contract["name"] in doors:
            assert {name.removeprefix(PREFIX) for name in contract["source_modules"]} == rooms - doors[
                contract["name"]
            ], contract["name"]
