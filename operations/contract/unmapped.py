"""Fields that are in the records and not in the contract, and how often."""

from __future__ import annotations

from collections import Counter
from typing import Any

from transforms.codecs.contract.language import Contract
from transforms.codecs.contract.paths import Scope

_DEPTH_MAX = 8
_FIELDS_MAX = 2_000


class Unmapped:
    """Counts the fields of records that no path of the contract leads to."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self._mapped: dict[str, set[tuple[str, ...]]] = {"inner": set(), "outer": set()}
        for path in contract.paths():
            if path.origin in self._mapped:
                self._mapped[path.origin].add(path.segments)
        self._unwraps = [each.at.segments for each in contract.unwrap if each.at.segments]
        if not contract.unwrap:  # inner and outer are the same
            self._mapped["inner"] |= self._mapped["outer"]
        self._has_outer = bool(contract.unwrap)
        self.counts: Counter[str] = Counter()
        self.records = 0

    def add(self, scope: Scope) -> None:
        """Counts the fields of a record that was decoded."""
        self.records += 1
        seen: set[str] = set()
        self._walk(scope.inner, (), "inner", seen)
        if self._has_outer and scope.outer is not scope.inner:
            self._walk(scope.outer, (), "outer", seen)
        if len(self.counts) < _FIELDS_MAX:
            self.counts.update(seen)

    def _walk(self, value: Any, at: tuple[str, ...], origin: str, seen: set[str]) -> None:
        if not isinstance(value, dict) or len(at) > _DEPTH_MAX:
            return
        for name, each in value.items():
            path = (*at, str(name))
            if self._is_mapped(path, origin):
                continue
            if isinstance(each, dict) and each:
                self._walk(each, path, origin, seen)
            else:
                prefix = "outer:" if origin == "outer" else ""
                seen.add(prefix + ".".join(path))

    def _is_mapped(self, path: tuple[str, ...], origin: str) -> bool:
        if path in self._mapped[origin]:
            return True
        # What was unwrapped is counted inside.
        return origin == "outer" and bool(self._unwraps) and path == self._unwraps[0]

    def most(self) -> list[tuple[str, int]]:
        """Returns the fields and in how many records each was, the commonest first."""
        return sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))
