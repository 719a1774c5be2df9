"""Reads Kafka's client settings from one file of Java properties, for every client.

A secret in the file is not a value here but a reference to its place, `${file:PATH:NAME}`, in the
form that Kafka's own FileConfigProvider follows. So no secret is in the pipeline graph, and none
in the logs, plans and checkpoints that a graph leaves behind: whoever connects reads the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from transforms.kafka import settings as kafka_settings

# The names of Kafka's settings of type "password", whatever client or mechanism they belong to.
_SECRET = re.compile(r"(jaas\.config|password|passphrase|secret|keystore\.key|token)$")
_REFERENCE = re.compile(r"\$\{([^}:]*):(?:([^}]*):)?([^}:]*)\}")
# A line as java.util.Properties knows it. Blanks behind a value belong to it: to a password, say.
_BLANKS = " \t\f"
_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_LINE = re.compile(r"((?:[^\\=: \t\f]|\\.)+)(?:[ \t\f]*[=:]|[ \t\f])[ \t\f]*(.*)", re.DOTALL)
_BAD_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*\\u(?![0-9a-fA-F]{4})")
_PROVIDERS = "config.providers"
_PROVIDER = "org.apache.kafka.common.config.provider.FileConfigProvider"


class PropertiesError(ValueError):
    """A properties file that cannot be used: the message says where, and what was required."""


def load(path: Path | str | None) -> dict[str, str]:
    """Returns the settings in the file, its secrets as references; {} for None.

    Raises:
        PropertiesError: no such file, a line that is not `name=value`, or a setting that clients
            would not understand (settings.py). Secrets never appear in the message.
    """
    if path is None:
        return {}
    place = Path(path).absolute()
    if set(str(place)) & set(":}"):
        raise PropertiesError(f"the path of the Kafka settings must hold neither : nor }}: {place}")
    settings = _values(place)
    if _PROVIDERS in settings:
        raise PropertiesError(
            f"{path}: {_PROVIDERS} is set for you. Hint: write ${{file:PATH:NAME}}"
        )
    referred = {
        name: f"${{file:{place}:{name}}}"
        if _SECRET.search(name) and not _REFERENCE.fullmatch(value)
        else value.rstrip(_BLANKS)
        for name, value in settings.items()
    }
    try:
        return kafka_settings.checked(referred)
    except kafka_settings.SettingError as error:
        raise PropertiesError(f"{path}: {error}") from None


def referring(settings: Mapping[str, str]) -> list[str]:
    """Returns the names of settings whose values are in a file, secrets among them."""
    return sorted(name for name, value in settings.items() if _REFERENCE.search(value))


def for_java(settings: Mapping[str, str]) -> dict[str, str]:
    """Returns the settings for a client in Java, which follows the references itself."""
    if not referring(settings):
        return dict(settings)
    return {**settings, _PROVIDERS: "file", f"{_PROVIDERS}.file.class": _PROVIDER}


def follow(settings: Mapping[str, str]) -> dict[str, str]:
    """Returns the settings with what the references stand for: secrets, so keep them short-lived.

    Raises:
        PropertiesError: a reference leads nowhere.
    """
    return {name: _REFERENCE.sub(_referred, value) for name, value in settings.items()}


def _referred(reference: re.Match[str]) -> str:
    provider, path, name = reference.groups()
    if provider != "file" or path is None:
        raise PropertiesError(f"only ${{file:PATH:NAME}} can be followed, got {reference[0]}")
    try:
        return _values(Path(path))[name]
    except KeyError:
        raise PropertiesError(f"{path} has no {name}, which {reference[0]} names") from None


def _values(path: Path) -> dict[str, str]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise PropertiesError(f"cannot read the Kafka settings {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise PropertiesError(f"the Kafka settings {path} are not UTF-8") from None
    settings = {}
    for number, line in _lines(text):
        # As java.util.Properties reads it: the name ends at the first =, : or blank.
        match = _LINE.match(line)
        if match is None:
            raise PropertiesError(f"{path}, line {number}: name=value is required")
        if _BAD_ESCAPE.search(line):
            raise PropertiesError(f"{path}, line {number}: \\u needs four hexadecimal digits")
        settings[_plain(match[1])] = _plain(match[2])
    return settings


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yields lines that hold a setting, joined where one ends in a backslash, with numbers."""
    begun, first = "", 0
    for number, raw in enumerate(_LINE_BREAK.split(text), start=1):
        line = begun + raw.lstrip(_BLANKS)
        if not begun and (not line or line.startswith(("#", "!"))):
            continue
        first = first if begun else number
        goes_on = (len(line) - len(line.rstrip("\\"))) % 2 == 1
        if goes_on:
            begun = line[:-1]
        else:
            yield first, line
            begun = ""
    if begun:
        yield first, begun


def _plain(text: str) -> str:
    return re.sub(r"\\(u[0-9a-fA-F]{4}|.)", _unescape, text)


def _unescape(match: re.Match[str]) -> str:
    escaped = match[1]
    if len(escaped) > 1:
        return chr(int(escaped[1:], 16))
    return {"n": "\n", "t": "\t", "r": "\r", "f": "\f"}.get(escaped, escaped)
