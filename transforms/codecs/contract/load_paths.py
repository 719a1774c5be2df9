"""Paths and parts of texts in a contract, from YAML to data."""

from __future__ import annotations

from transforms.codecs.contract import paths
from transforms.codecs.contract.language import Path
from transforms.codecs.contract.mistakes import Reading, Section
from transforms.codecs.contract.yaml_tree import Value


def paths_of(section: Section) -> tuple[Path, ...]:
    """Returns what `at` or `join` names, none where neither is said."""
    at, join = section.get("at"), section.get("join")
    if at is not None:
        path = path_of(section.reading, section.name("at"), at)
        return (path,) if path else ()
    if join is None:
        return ()
    items = section.reading.items(join, section.name("join"), "a list of two paths or more")
    if len(items) < 2:
        section.reading.wrong(join.line, f"{section.name('join')} must be two paths or more")
    found = [path_of(section.reading, section.name("join"), item) for item in items]
    return tuple(path for path in found if path)


def path_of(reading: Reading, where: str, value: Value) -> Path | None:
    """Returns the path that a text is."""
    if isinstance(value.data, list | dict) or value.data is None:
        reading.must(value, where, "a path")
        return None
    try:
        return paths.parse(value.text)
    except ValueError as error:
        reading.wrong(value.line, f"{where} {error}")
        return None


def part_of(section: Section, key: str) -> str | None:
    """Returns what separates a part of a text."""
    found = section.text(key)
    if found == "":
        section.reading.wrong(section.line_of(key), f"{section.name(key)} must not be empty")
    return found or None
