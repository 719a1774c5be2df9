"""A setting is taken from a flag, else from PAYMENTS_NAME, else from the file, else it is left out.

The file is TOML: Python reads it without a package, a number cannot be taken for a text by
mistake, and a key that stands twice is an error.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Collection, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from payments.errors import SettingsError
from payments.settings import CONFIG, SETTINGS, VARIABLE_PREFIX

CONFIG_VARIABLE = f"{VARIABLE_PREFIX}{CONFIG.upper()}"
_CONFIG_FLAG = f"--{CONFIG}"
# Named as settings are, and read by programs: the image's own name, and whose sandbox a process is.
_OTHERS = {CONFIG_VARIABLE, "PAYMENTS_IMAGE", "PAYMENTS_SANDBOX_DIR"}


class Value(NamedTuple):
    """A value, and where it came from, as a person would name it."""

    text: str
    source: str


class Completed(NamedTuple):
    """A command line with what variables and the file add to it.

    Attributes:
        arguments: without --config; what was added stands in front.
        added: by the setting's name.
    """

    arguments: list[str]
    added: Mapping[str, Value]


def completed(
    arguments: Sequence[str], names: Collection[str], environment: Mapping[str, str] = os.environ
) -> Completed:
    """Returns the command line with the settings that no flag of it says.

    Args:
        names: the settings that the command takes.

    Raises:
        SettingsError: a value is empty, or the file cannot be used.
    """
    path, rest = _config_file(arguments)
    given = _given(rest, names)
    if path is None and CONFIG_VARIABLE in environment:
        path = _not_empty(environment[CONFIG_VARIABLE], CONFIG_VARIABLE)
    of_file = read(Path(path)) if path else {}
    added = {}
    for name in names:
        value = _variable(name, environment) or of_file.get(name)
        if name not in given and value is not None:
            added[name] = value
    flags = [f"--{name}={value.text}" for name, value in added.items()]
    return Completed([*flags, *rest], added)


def read(path: Path) -> dict[str, Value]:
    """Returns the settings of a file.

    Raises:
        SettingsError: there is no such file, it is not TOML, or it holds what nobody knows.
    """
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{_CONFIG_FLAG} {path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:  # of the encoding and of the nesting, too
        raise SettingsError(f"{_CONFIG_FLAG} {path} must be TOML: {error}") from None
    return {key: Value(_text(key, value, path), f"{key} in {path}") for key, value in found.items()}


def unknown_variables(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Returns variables that are named as settings are, and are none."""
    known = {setting.variable for setting in SETTINGS.values()} | _OTHERS
    return sorted({each for each in environment if each.startswith(VARIABLE_PREFIX)} - known)


def without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns an environment for a program that shall know nothing but its flags."""
    variables = {setting.variable for setting in SETTINGS.values()} | {CONFIG_VARIABLE}
    return {name: value for name, value in environment.items() if name not in variables}


def _text(key: str, value: object, path: Path) -> str:
    if key not in SETTINGS:
        close = difflib.get_close_matches(key, SETTINGS, n=1)
        hint = f"did you mean {close[0]}?" if close else "`payments config show` lists them."
        raise SettingsError(f"unknown key {key!r} in {path}. Hint: {hint}")
    if isinstance(value, list) and value and all(isinstance(each, str) for each in value):
        value = ",".join(value)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise SettingsError(f"{key} in {path} must be a text or a number, got {value!r}")
    return _not_empty(str(value), f"{key} in {path}")


def _variable(name: str, environment: Mapping[str, str]) -> Value | None:
    variable = SETTINGS[name].variable
    text = environment.get(variable)
    return None if text is None else Value(_not_empty(text, variable), variable)


def _given(arguments: Sequence[str], names: Collection[str]) -> set[str]:
    """Returns the settings that flags say."""
    found = set()
    for argument, following in zip_longest(arguments, arguments[1:], fillvalue="-"):
        if argument == "--":
            break
        flag, equals, value = argument.partition("=")
        name = flag.removeprefix("--")
        if flag.startswith("--") and name in names:
            _not_empty(value if equals else following, flag)
            found.add(name)
    return found


def _not_empty(text: str, source: str) -> str:
    if not text.strip():
        raise SettingsError(f"{source} must not be empty. Hint: leave it out")
    return text


def _config_file(arguments: Sequence[str]) -> tuple[str | None, list[str]]:
    """Returns what --config says, and the command line without it."""
    path: str | None = None
    rest: list[str] = []
    waiting = iter(arguments)
    for argument in waiting:
        flag, equals, value = argument.partition("=")
        if argument == "--":
            return path, [*rest, argument, *waiting]
        if flag == _CONFIG_FLAG:
            path = _not_empty(value if equals else next(waiting, ""), flag)
        else:
            rest.append(argument)
    return path, rest
