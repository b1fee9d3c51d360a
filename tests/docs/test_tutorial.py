"""The tutorial: each question has a command that runs, and a picture that is there."""

import re
from pathlib import Path

import pytest
from pages import REPOSITORY, blocks, follow

from fitscape.study import recipes

TUTORIAL = REPOSITORY / "docs/tutorial.md"
COMMANDS = [block.text.strip() for block in blocks(TUTORIAL)]
PICTURES = re.findall(r"!\[[^]]+\]\(([^)]+)\)", TUTORIAL.read_text(encoding="utf-8"))


def test_every_question_has_a_recipe_and_a_picture() -> None:
    questions = TUTORIAL.read_text(encoding="utf-8").count("?\n\n```bash\n")
    assert len(COMMANDS) == len(PICTURES) == questions == 6
    for command in COMMANDS:
        program, word, name = command.split()
        assert (program, word) == ("fitscape", "run")
        assert recipes.get(name).recipe == name
    assert all((TUTORIAL.parent / picture).is_file() for picture in PICTURES)


def test_the_korean_tutorial_has_the_same_commands_and_pictures() -> None:
    korean = TUTORIAL.with_name("tutorial.ko.md")
    assert [block.text.strip() for block in blocks(korean)] == COMMANDS
    assert re.findall(r"!\[[^]]+\]\(([^)]+)\)", korean.read_text(encoding="utf-8")) == PICTURES


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_tutorial_ends_with_a_report(command: str, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"```bash\n{command}\n```\n")
    follow(page, tmp_path, for_real=True)
    assert list(tmp_path.glob("fitscape-runs/*/report/index.html"))
