"""Strict YAML: text -> plain values, with the line of every key.

The types are those of YAML 1.2's core schema (https://yaml.org/spec/1.2.2, section 10.3), not PyYAML's 1.1:
``1e-3`` is a number, ``no`` is a word and a date is text, as an engineer expects who writes a learning rate.
Size, depth and aliases are bounded, so that a hostile file costs milliseconds.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from fitscape.study.errors import UserError

Key = tuple[str | int, ...]

MAX_BYTES = 262_144
MAX_DEPTH = 24
MAX_VALUES = 20_000  # after aliases are followed: the bound on "billion laughs" files
CORE_TYPES = {
    "null": (r"null|Null|NULL|~|", ["n", "N", "~", ""]),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": (r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    "float": (
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
}


def dotted(key: Key) -> str:
    """``("enqueue", 0, "lr")`` -> ``enqueue[0].lr``."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{printable(part)}" for part in key)
    return "".join(parts).removeprefix(".")


def printable(text: str, limit: int = 60) -> str:
    """Text that fits into one line of a message."""
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return safe if len(safe) <= limit else safe[: limit - 3] + "..."


@dataclass(frozen=True)
class Document:
    """What was read: plain values, and where each came from."""

    value: Any
    origin: str  # file, recipe or option, as a message names it
    lines: dict[Key, int] = field(default_factory=dict)  # from 1
    replaced: dict[Key, str] = field(default_factory=dict)  # key -> the option that set it

    def where(self, key: Key) -> str:
        """Where a key is, for a message: ``study.yaml:12: base.optimization.lr``."""
        place = self.origin
        for length in range(len(key), -1, -1):
            if key[:length] in self.replaced:
                if length == len(key):
                    return self.replaced[key]  # which names the key: ``--set data.dataset``, ``--trials``
                place = self.replaced[key[:length]]
                break
            if key[:length] in self.lines:
                place = f"{self.origin}:{self.lines[key[:length]]}"
                break
        return f"{place}: {dotted(key)}" if key else place


def read(path: Path) -> Document:
    """Read a file.

    Raises:
        UserError: unreadable, too large, not UTF-8, or not strict YAML; the text names the line.
    """
    try:
        data = path.read_bytes() if path.stat().st_size <= MAX_BYTES else None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UserError(f"cannot be read: {reason}", where=str(path)) from None
    if data is None:
        raise UserError(f"is larger than {MAX_BYTES // 1024} KiB, which is too large for a study", where=str(path))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError("is not UTF-8 text", where=f"{path}:{line}", fix="save the file as UTF-8") from None
    document = parse(text, str(path))
    if document.value is None:
        raise UserError("is empty", where=str(path), fix="`fitscape init` writes one to start from")
    return document


def parse(text: str, origin: str) -> Document:
    """Parse one YAML document.

    Raises:
        UserError: not strict YAML; the text names the line.
    """
    lines: dict[Key, int] = {}
    try:
        node = _YamlLoader(text, origin).get_single_node()
        value = None if node is None else _Builder(origin, lines).build(node, ())
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise UserError("a control character is not text", where=f"{origin}:{line}") from None
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, text, origin) from None
    return Document(value, origin, lines)


def _syntax_error(error: yaml.MarkedYAMLError, text: str, origin: str) -> UserError:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 1
    rows = text.splitlines()
    row = rows[line - 1] if line <= len(rows) else ""
    if "\t" in row[: len(row) - len(row.lstrip())]:
        return UserError("a tab indents this line", where=f"{origin}:{line}", fix="YAML takes spaces only")
    problem = printable(" ".join(filter(None, (error.context, error.problem))), limit=160)
    return UserError(f"not YAML: {problem}", where=f"{origin}:{line}")


class _YamlLoader(yaml.SafeLoader):
    """PyYAML's parser with the core schema's types, without tags, and with a bound on depth."""

    yaml_implicit_resolvers: dict[str, list[Any]] = {}  # noqa: RUF012 (PyYAML's own attribute)
    depth = 0

    def __init__(self, text: str, origin: str) -> None:
        self.origin = origin
        super().__init__(text)

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()
        where = f"{self.origin}:{event.start_mark.line + 1}"
        if getattr(event, "tag", None) is not None:
            raise UserError(f"the tag {printable(event.tag)} is not allowed", where=where, fix="write the plain value")
        if self.depth >= MAX_DEPTH:
            raise UserError(f"nested deeper than {MAX_DEPTH} levels", where=where)
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


for _name, (_pattern, _first) in CORE_TYPES.items():
    _YamlLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", re.compile(f"^(?:{_pattern})$"), _first)


class _Dumper(yaml.SafeDumper):
    """Quotes what ``_YamlLoader`` would not read as text."""

    yaml_implicit_resolvers = _YamlLoader.yaml_implicit_resolvers


def dump(value: Any, *, compact: bool = False) -> str:
    """YAML that ``parse`` reads back as the same value: PyYAML's own leaves the text 1e5 unquoted, for one.

    ``compact`` puts the innermost lists and mappings on one line: ``{low: 0.1, high: 0.5}``.
    """
    style = None if compact else False
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110, default_flow_style=style)


class _Builder:
    """Nodes -> values, noting lines, refusing duplicate keys and endless aliases."""

    def __init__(self, origin: str, lines: dict[Key, int]) -> None:
        self._origin, self._lines = origin, lines
        self._values = 0
        self._open: set[int] = set()

    def build(self, node: yaml.Node, key: Key) -> Any:
        self._lines.setdefault(key, node.start_mark.line + 1)
        self._values += 1
        if self._values > MAX_VALUES:
            raise self._error(node, f"more than {MAX_VALUES} values, aliases followed")
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if id(node) in self._open:
            raise self._error(node, "an alias holds itself")
        self._open.add(id(node))
        built = self._mapping(node, key) if isinstance(node, yaml.MappingNode) else self._list(node, key)
        self._open.discard(id(node))
        return built

    def _mapping(self, node: yaml.MappingNode, key: Key) -> dict[str, Any]:
        built: dict[str, Any] = {}
        for name_node, value_node in node.value:
            name = self._scalar(name_node) if isinstance(name_node, yaml.ScalarNode) else None
            if not isinstance(name, str):
                found = printable(name_node.value) if isinstance(name_node, yaml.ScalarNode) else "a collection"
                raise self._error(name_node, f"{found} is not a key", "a key is a word")
            if name in built:
                first = self._lines[(*key, name)]
                raise self._error(name_node, f"is there twice, first on line {first}", key=(*key, name))
            self._lines[(*key, name)] = name_node.start_mark.line + 1
            built[name] = self.build(value_node, (*key, name))
        return built

    def _list(self, node: yaml.Node, key: Key) -> list[Any]:
        return [self.build(item, (*key, i)) for i, item in enumerate(node.value)]

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        text, kind = node.value, node.tag.removeprefix("tag:yaml.org,2002:")
        try:
            match kind:
                case "null":
                    return None
                case "bool":
                    return text.lower() == "true"
                case "int":
                    return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
                case "float":
                    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
                case _:
                    text.encode()
                    return text
        except UnicodeEncodeError:
            raise self._error(node, "half a character (a lone surrogate) is not text") from None
        except ValueError:
            raise self._error(node, "a number of thousands of digits") from None

    def _error(self, node: yaml.Node, what: str, fix: str = "", key: Key = ()) -> UserError:
        where = f"{self._origin}:{node.start_mark.line + 1}"
        return UserError(what, where=f"{where}: {dotted(key)}" if key else where, fix=fix)
