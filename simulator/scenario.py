"""Named traffic: scenarios are YAML files with the same keys as the flags."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import yaml

from simulator.traffic import Traffic, UsageError

FOLDER = Path(__file__).parent / "scenarios"
# Every key of a scenario is a field of Traffic, and so a flag.
FIELDS: dict[str, str] = {field.name: str(field.type) for field in dataclasses.fields(Traffic)}
_DESCRIPTION = "description"


def names() -> list[str]:
    """Returns the scenarios that can be called by name."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def describe(name: str) -> str:
    """Returns what a named scenario says of itself."""
    return " ".join(str(_load(FOLDER / f"{name}.yaml").get(_DESCRIPTION, "")).split())


def read(name_or_file: str) -> dict[str, Any]:
    """Returns the keys and values of a scenario, as `Traffic` takes them.

    Raises:
        UsageError: there is no such scenario, or a key or a value is not understood.
    """
    path = FOLDER / f"{name_or_file}.yaml"
    if name_or_file not in names():
        path = Path(name_or_file)
        if not path.is_file():
            raise UsageError(
                f"--scenario {name_or_file}: no such scenario or file. "
                f"Scenarios: {', '.join(names())}"
            )
    fields = _load(path)
    fields.pop(_DESCRIPTION, None)
    for key, value in fields.items():
        if key not in FIELDS:
            known = ", ".join((*FIELDS, _DESCRIPTION))
            raise UsageError(f"{path}: unknown key {key!r}. Known: {known}")
        fields[key] = _value(path, key, value)
    return fields


def _load(path: Path) -> dict[str, Any]:
    try:
        fields = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"{path}: {error}") from None
    if not isinstance(fields, dict):
        raise UsageError(f"{path}: must hold keys and values, such as `duplicate_ratio: 0.01`")
    return fields


def _value(path: Path, key: str, value: Any) -> Any:
    wanted = FIELDS[key]
    if wanted.startswith("tuple"):
        if isinstance(value, list) and all(isinstance(each, str) for each in value):
            return tuple(value)
        raise UsageError(f"{path}: {key} must be a list of names, got {value!r}")
    # bool is a subclass of int: `yes` is no number.
    whole = type(value) is int
    if whole or ("float" in wanted and type(value) is float):
        return value
    number = "a number" if "float" in wanted else "a whole number"
    raise UsageError(f"{path}: {key} must be {number}, got {value!r}")
