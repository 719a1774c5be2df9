"""YAML as a tree in which every value and every key knows its line.

A subset on purpose: no anchors (a small file could stand for a huge one), no tags, no key twice,
and scalars as in YAML 1.2, where `no` is a text and not false: it is Norway.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import yaml

FILE_CHARS_MAX = 1_000_000
# The language has five; PyYAML takes time with the square of it.
_DEPTH_MAX = 50
# JSON may write a character as two; PyYAML takes each for one of its own.
_SURROGATES = re.compile("[\ud800-\udfff]")


class Value(NamedTuple):
    """A value: text, number, bool, None, a list of values, or a mapping of texts to entries."""

    data: Any
    line: int
    text: str  # a scalar as it was written

    @property
    def kind(self) -> str:
        """Returns what it is, for a human."""
        if isinstance(self.data, dict):
            return "a mapping"
        if isinstance(self.data, list):
            return "a list"
        return "nothing" if self.data is None else repr(self.text)[:60]


class Entry(NamedTuple):
    """A value of a mapping, with the line of its key."""

    line: int
    value: Value


class YamlError(ValueError):
    """The text is no YAML of this subset."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


class _Loader(yaml.SafeLoader):
    """Resolves scalars as YAML 1.2's core schema does."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  PyYAML's own way


for _tag, _pattern, _first in (
    ("bool", r"true|false|True|False", "tfTF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), list(_first)
    )


def parse(text: str) -> Value:
    """Returns the one document in `text`.

    Raises:
        YamlError: it is no YAML, or uses what is left out.
    """
    if len(text) > FILE_CHARS_MAX:
        raise YamlError(1, f"a contract has at most {FILE_CHARS_MAX} characters, got {len(text)}")
    try:
        _check_events(text)
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise YamlError(mark.line + 1 if mark else 1, f"no YAML: {error.problem}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise YamlError(line, f"no YAML: {error.reason}") from None
    if node is None:
        raise YamlError(1, "the file is empty")
    return _value(node)


def _check_events(text: str) -> None:
    """Raises YamlError for what a tree must not be made of."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent):
            raise YamlError(line, f"no aliases, got *{event.anchor}")
        if isinstance(event, yaml.ScalarEvent) and _SURROGATES.search(event.value):
            # It would end in the reasons of dead letters, which are UTF-8.
            raise YamlError(line, f"no half of a character, got {ascii(event.value)[:60]}")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _DEPTH_MAX:
            raise YamlError(line, f"nested too deep: at most {_DEPTH_MAX} levels")


def _line(node: yaml.Node) -> int:
    return node.start_mark.line + 1 if node.start_mark else 1


def _value(node: yaml.Node) -> Value:
    line = _line(node)
    if isinstance(node, yaml.MappingNode):
        return Value(_mapping(node), line, "")
    if isinstance(node, yaml.SequenceNode):
        return Value([_value(each) for each in node.value], line, "")
    return Value(_scalar(node, line), line, str(node.value))


def _mapping(node: yaml.MappingNode) -> dict[str, Entry]:
    entries: dict[str, Entry] = {}
    for key, value in node.value:
        line = _line(key)
        if not isinstance(key, yaml.ScalarNode):
            raise YamlError(line, "a key must be a text")
        if key.value in entries:
            raise YamlError(
                line, f"{key.value!r} stands twice, first in line {entries[key.value].line}"
            )
        found = _value(value)
        # What is missing in a mapping is missing below its key.
        is_scalar = isinstance(value, yaml.ScalarNode)
        entries[key.value] = Entry(line, found if is_scalar else found._replace(line=line))
    return entries


def _scalar(node: yaml.Node, line: int) -> Any:
    kind = node.tag.removeprefix("tag:yaml.org,2002:")
    match kind:
        case "str":
            return node.value
        case "null":
            return None
        case "bool":
            return node.value.lower() == "true"
        case "int":
            if len(node.value) > 40:  # Python refuses to read thousands of digits
                raise YamlError(line, f"a number of {len(node.value)} digits")
            return int(node.value)
        case "float":
            return float(node.value)
    raise YamlError(line, f"no tags, got {node.tag}")
