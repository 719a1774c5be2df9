"""Places in a record that is being written, and values put there."""

from __future__ import annotations

import marshal
from typing import Any, NamedTuple

from transforms.codecs.contract.language import Contract, Path
from transforms.codecs.contract.paths import is_selector

# Layers that lie in the tree around them; the others are texts or bytes of their own.
_IN_PLACE = ("object", "single")
KEY, HEADER, KAFKA = "key", "header", "kafka"


class Place(NamedTuple):
    """Where a value lies: in which tree, and the names from its root on.

    Attributes:
        tree: a number of a tree of the payload, outermost 0; or key, header, kafka.
    """

    tree: int | str
    names: tuple[str, ...]


class Draft:
    """A record that is being written.

    Attributes:
        trees: of the payload, the outermost first.
        key: None: the key is the router's.
    """

    __slots__ = ("headers", "key", "trees")

    def __init__(self, trees: list[Any], headers: dict[str, str], key: Any) -> None:
        self.trees = trees
        self.headers = headers
        self.key = key

    def copy(self) -> Draft:
        """Returns a draft that shares nothing with this one."""
        return Draft(*marshal.loads(marshal.dumps((self.trees, self.headers, self.key))))

    def get(self, place: Place) -> Any:
        """Returns what lies at a place, None for nothing."""
        if place.tree == HEADER:
            return self.headers.get(place.names[0])
        if place.tree == KAFKA:
            return None
        value = self.key if place.tree == KEY else self.trees[int(place.tree)]
        for name in place.names:
            value = _inner(value, name)
        return value

    def put(self, place: Place, value: Any) -> None:
        """Puts a value at a place; what is missing on the way there is made."""
        if place.tree == HEADER:
            self.headers[place.names[0]] = value if isinstance(value, str) else str(value)
        elif place.tree == KEY:
            self.key = _with(self.key, place.names, value)
        elif place.tree != KAFKA:
            self.trees[int(place.tree)] = _with(self.trees[int(place.tree)], place.names, value)

    def drop(self, place: Place) -> None:
        """Takes away what lies at a place: a field, a header."""
        if place.tree == HEADER:
            self.headers.pop(place.names[0], None)
            return
        around = self.get(place._replace(names=place.names[:-1]))
        if isinstance(around, dict):
            around.pop(place.names[-1], None)


def _inner(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return value.get(name)
    if isinstance(value, list):
        at = _index(value, name)
        return value[at] if at is not None and at < len(value) else None
    return None


def _index(items: list[Any], name: str) -> int | None:
    if name.isdecimal():
        return int(name)
    if not is_selector(name):
        return None
    field, _, wanted = name[1:-1].partition("=")
    found = (
        at
        for at, item in enumerate(items)
        if isinstance(item, dict) and str(item.get(field)) == wanted
    )
    return next(found, None)


def _with(root: Any, names: tuple[str, ...], value: Any) -> Any:
    if not names:
        return value
    name, rest = names[0], names[1:]
    if (name.isdecimal() and not isinstance(root, dict)) or is_selector(name):
        items = root if isinstance(root, list) else []
        at = _index(items, name)
        if at is None:
            field, _, wanted = name[1:-1].partition("=")
            at = len(items)
            items.append({field: wanted})
        items += [{} for _ in range(at + 1 - len(items))]
        items[at] = _with(items[at], rest, value)
        return items
    fields = root if isinstance(root, dict) else {}
    fields[name] = _with(fields.get(name), rest, value)
    return fields


class Layer(NamedTuple):
    """A payload in the payload: which unwrap takes it off, and where it lies."""

    kind: str
    at: Place
    schema: bytes | None


class Places:
    """Finds the places of a contract's paths.

    Attributes:
        layers: those that are texts or bytes, the outermost first; the one at index i holds tree
            i + 1.
        singles: arrays that hold the one payment.
    """

    def __init__(self, contract: Contract) -> None:
        self.layers: list[Layer] = []
        self.singles: list[Place] = []
        self._inner = Place(0, ())
        for unwrap in contract.unwrap:
            at = self.of(unwrap.at)
            if unwrap.kind not in _IN_PLACE:
                self.layers.append(Layer(unwrap.kind, at, unwrap.schema))
                at = Place(len(self.layers), ())
            elif unwrap.kind == "single":
                self.singles.append(at)
                at = at._replace(names=(*at.names, "0"))
            self._inner = at

    def of(self, path: Path) -> Place:
        """Returns the place of a path; one inside begins where the layers so far end."""
        match path.origin:
            case "inner":
                return self._inner._replace(names=(*self._inner.names, *path.segments))
            case "outer":
                return Place(0, path.segments)
        return Place(path.origin, path.segments)
