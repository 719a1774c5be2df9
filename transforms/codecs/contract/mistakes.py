"""Mistakes in a contract, all of them at once, each with its line and a hint."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from transforms.codecs.contract.yaml_tree import Entry, Value
from transforms.payment.rules import PAYMENT_TYPES

# More than these hide what is wrong.
_SHOWN_MAX = 30


class Mistake(NamedTuple):
    """What is wrong, and where."""

    line: int
    message: str


class ContractError(ValueError):
    """A contract that cannot be used.

    Attributes:
        mistakes: in the order of their lines.
    """

    def __init__(self, name: str, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = sorted(set(mistakes))
        lines = [f"{name}:{line}: {message}" for line, message in self.mistakes]
        super().__init__("\n".join(lines))


class Reading:
    """Collects mistakes while a contract is read.

    Attributes:
        payment_types: those that the contract allows.
    """

    def __init__(self) -> None:
        self.mistakes: list[Mistake] = []
        self.payment_types = PAYMENT_TYPES

    def wrong(self, line: int, message: str) -> None:
        """Notes a mistake."""
        self.mistakes.append(Mistake(line, message))

    def must(self, value: Value, where: str, required: str, hint: str = "") -> None:
        """Notes that a value is not what was required."""
        more = f". {hint}" if hint else ""
        self.wrong(value.line, f"{where} must be {required}, got {value.kind}{more}")

    def section(self, value: Value, where: str, allowed: Iterable[str]) -> Section:
        """Returns the entries of a mapping; notes those that are not allowed."""
        if not isinstance(value.data, dict):
            self.must(value, where, "a mapping")
            return Section(self, where, value.line, {})
        allowed = list(allowed)
        known: dict[str, Entry] = {}
        for key, entry in value.data.items():
            if key in allowed:
                known[key] = entry
            else:
                name = f"{where}.{key}" if where else key
                self.wrong(entry.line, f"{name} is no key here. {hint_of(key, allowed)}")
        return Section(self, where, value.line, known)

    def items(self, value: Value, where: str, required: str = "a list") -> list[Value]:
        """Returns the items of a list."""
        if not isinstance(value.data, list):
            self.must(value, where, required)
            return []
        return value.data


class Section:
    """A mapping of a contract whose keys are known."""

    def __init__(
        self, reading: Reading, where: str, line: int, entries: Mapping[str, Entry]
    ) -> None:
        self.reading = reading
        self.where = where
        self.line = line
        self._entries = entries

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def name(self, key: str) -> str:
        """Returns the whole name of a key."""
        return f"{self.where}.{key}" if self.where else key

    def get(self, key: str) -> Value | None:
        """Returns a value, None where there is none."""
        entry = self._entries.get(key)
        return None if entry is None else entry.value

    def line_of(self, key: str) -> int:
        """Returns the line of a key."""
        return self._entries[key].line

    def required(self, key: str, why: str = "") -> Value | None:
        """Returns a value; notes that it is missing."""
        found = self.get(key)
        if found is None:
            self.reading.wrong(self.line, f"{self.name(key)} is required{why}")
        return found

    def text(self, key: str, default: str | None = None) -> str | None:
        """Returns a text; a number or a truth value is taken as it was written."""
        found = self.get(key)
        if found is None:
            return default
        if isinstance(found.data, list | dict) or found.data is None:
            self.reading.must(found, self.name(key), "a text")
            return default
        return found.text

    def choice(self, key: str, options: Iterable[str], default: str) -> str:
        """Returns one of a few words."""
        found, options = self.get(key), list(options)
        if found is None:
            return default
        if found.data not in options or not isinstance(found.data, str):
            close = closest(found.text, options)
            hint = f"Hint: {close!r}?" if close else ""
            self.reading.must(found, self.name(key), one_of(options), hint)
            return default
        return found.data

    def whole(self, key: str, least: int, most: int) -> int | None:
        """Returns a whole number within a range."""
        found = self.get(key)
        if found is None:
            return None
        if type(found.data) is not int or not least <= found.data <= most:
            required = f"a whole number from {least} to {most}"
            self.reading.must(found, self.name(key), required)
            return None
        return found.data


def one_of(options: Iterable[Any]) -> str:
    """Returns "one of a, b, c"."""
    return f"one of {', '.join(map(str, options))}"


def hint_of(word: str, options: Iterable[str]) -> str:
    """Returns what may have been meant."""
    options = list(options)
    close = closest(word, options)
    if close:
        return f"Hint: {close!r}?"
    if not options:
        return "Hint: leave it out"
    more = f" … ({len(options)})" if len(options) > _SHOWN_MAX else ""
    return f"Hint: {one_of(options[:_SHOWN_MAX])}{more}"


def closest(word: str, options: Iterable[str]) -> str | None:
    """Returns the word that is most like another, None where none is."""
    return next(iter(difflib.get_close_matches(word, list(options), 1, 0.6)), None)
