"""Strict YAML: what is refused, on which line, and how fast."""

from pathlib import Path

import pytest

from fitscape.study.errors import UserError
from fitscape.study.reading.document import dump, parse, read


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1e-3", 0.001),  # PyYAML alone reads text here
        ("a: 010", 10),  # and 8 here
        ("a: 0x10", 16),
        ("a: -.inf", -float("inf")),
        ("a: no", "no"),
        ("a: 2024-01-02", "2024-01-02"),
        ("a: 1:30", "1:30"),
        ("a: '1'", "1"),
        ("a: true", True),
        ("a: ~", None),
        ("a:", None),
        ("a: é한", "é한"),
    ],
)
def test_values_have_the_types_of_yaml_1_2(text: str, value: object) -> None:
    assert parse(text, "s.yaml").value == {"a": value}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb:\n  c: 1\n  c: 2", "s.yaml:4: b.c: is there twice, first on line 3"),
        ("a: 1\n\tb: 2", "s.yaml:2: a tab indents this line (YAML takes spaces only)"),
        ("a: 'b", "s.yaml:1: not YAML: while scanning a quoted scalar found unexpected end of stream"),
        ("a: 1\n---\nb: 2", "s.yaml:2: not YAML: expected a single document in the stream but found another document"),
        ("a: 1\n5: 2", "s.yaml:2: 5 is not a key (a key is a word)"),
        ("? [a]\n: 2", "s.yaml:1: a collection is not a key (a key is a word)"),
        ("a: 1\nb: !!python/object:os.system x", "s.yaml:2: the tag"),
        ("a: &x [1, *x]", "s.yaml:1: an alias holds itself"),
        ("a: *x", "s.yaml:1: not YAML: found undefined alias 'x'"),
        ('a: 1\nb: "\\ud800"', "s.yaml:2: half a character"),
        ("a: 1\nb: \x07", "s.yaml:2: a control character is not text"),
        ("a: " + "9" * 5000, "s.yaml:1: a number of thousands of digits"),
        ("a: " + "[" * 5000, "s.yaml:1: nested deeper than 24 levels"),
        ("a: " + "{b: " * 5000, "s.yaml:1: nested deeper than 24 levels"),
    ],
)
def test_a_refusal_names_the_line_in_one_line(text: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        parse(text, "s.yaml")
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_an_alias_bomb_is_refused_at_once() -> None:
    laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)
    )
    with pytest.raises(UserError, match="more than 20000 values"):
        parse(laughs, "s.yaml")


def test_aliases_in_bounds_are_followed() -> None:
    assert parse("a: &x {b: 1}\nc: *x", "s.yaml").value == {"a": {"b": 1}, "c": {"b": 1}}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"# nothing\n", "is empty"),
        (b"a: 1\nb: \xff\n", "s.yaml:2: is not UTF-8 text"),
        (b"a: 1\n" * 60_000, "is larger than 256 KiB"),
    ],
)
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    file = tmp_path / "s.yaml"
    file.write_bytes(data)
    with pytest.raises(UserError, match=message):
        read(file)


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read(file).value == {"a": 1}


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.yaml: cannot be read: no such file"):
        read(tmp_path / "none.yaml")
    with pytest.raises(UserError, match="cannot be read: is a directory"):
        read(tmp_path)


def test_every_key_knows_its_line() -> None:
    document = parse("a: 1\nb:\n  - c: 1\n  - d: 2\n", "s.yaml")
    assert document.where(("b", 1, "d")) == "s.yaml:4: b[1].d"
    assert document.where(("b", 1, "missing")) == "s.yaml:4: b[1].missing"
    assert document.where(()) == "s.yaml:1"


@pytest.mark.parametrize("text", ["1e5", "1e-3", "010", "0o7", "no", "null", "~", "true", "1:30", "a: b", "é", "", " "])
def test_text_that_looks_like_something_else_is_written_so_that_it_stays_text(text: str) -> None:
    assert parse(dump({"a": text}), "s.yaml").value == {"a": text}
