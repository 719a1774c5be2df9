"""Avro fields that were renamed, by the names that they had before.

A schema that renames a field says so: the former name is an alias of it. Old records and newer ones
lie in one topic, and a contract has one path. Where a record has no field of that name, the one
that had it before is meant.
"""

from __future__ import annotations

from typing import Any


def by_asked_names(schema: Any, asked: frozenset[str]) -> Any:
    """Returns a schema in which renamed fields have the names that are asked for.

    Args:
        schema: as JSON, of a writer.
        asked: the names in the paths of a contract.
    """
    if isinstance(schema, list):
        return [by_asked_names(each, asked) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = dict(schema)
    for inner in ("type", "items", "values"):
        if inner in found:
            found[inner] = by_asked_names(found[inner], asked)
    fields = found.get("fields")
    if isinstance(fields, list) and all(isinstance(each, dict) for each in fields):
        found["fields"] = _fields(fields, asked)
    return found


def _fields(fields: list[dict[str, Any]], asked: frozenset[str]) -> list[dict[str, Any]]:
    taken = [each.get("name") for each in fields]
    taken += [alias for each in fields for alias in set(_aliases(each))]
    named = []
    for field in fields:
        # One that is asked for by its own name keeps it, and what two fields say is said by none.
        former = [
            alias
            for alias in _aliases(field)
            if alias in asked and field.get("name") not in asked and taken.count(alias) == 1
        ]
        name = former[0] if len(former) == 1 else field.get("name")
        named.append({**field, "name": name, "type": by_asked_names(field.get("type"), asked)})
    return named


def _aliases(field: dict[str, Any]) -> list[str]:
    aliases = field.get("aliases")
    return [each for each in aliases if isinstance(each, str)] if isinstance(aliases, list) else []
