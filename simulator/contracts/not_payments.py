"""Records that are not the payment, by the rules of a contract: what it must skip."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

from simulator.contracts.encoder import Encoder, Written
from simulator.contracts.meaning import Meant
from simulator.contracts.places import Place
from transforms.codecs.contract.language import Keep

_OTHER_STATE = "something_else"
_OTHER_NUMBER = 99


class NotPayment(NamedTuple):
    """One way of not being the payment.

    Attributes:
        name: of the rule and what it says, as `status=pending`; tombstone.
        state: what lies at the place then.
        emptied: a place whose content is gone too, as the row of a delete.
    """

    name: str
    place: Place | None = None
    state: object = None
    emptied: Place | None = None


class NotPayments:
    """All ways in turn, so that a run has them all."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self.ways = list(_ways(encoder))
        self._next = itertools.cycle(self.ways)

    def write(self, meant: Meant) -> tuple[NotPayment, Written | None]:
        """Returns how, and the record; None is a tombstone."""
        way = next(self._next)
        if way.place is None:
            return way, None
        draft = self._encoder.draft(meant)
        draft.put(way.place, way.state)
        if way.emptied is not None:
            draft.put(way.emptied, None)
        return way, self._encoder.finish(draft)


def _ways(encoder: Encoder) -> Iterator[NotPayment]:
    for keep, place in encoder.keeps:
        for state in keep.skip:
            if state is None and not encoder.leaf(place).nullable:
                continue
            yield NotPayment(f"{keep.name}={state}", place, state)
        if keep.otherwise == "skip" and (other := other_state(encoder, keep, place)) is not None:
            yield NotPayment(f"{keep.name}=else", place, other)
        if emptied := _emptied(encoder, place):
            for state in keep.skip:
                yield NotPayment(f"{keep.name}={state}_and_empty", place, state, emptied)
    if encoder.contract.tombstones == "skip":
        yield NotPayment("tombstone")


def other_state(encoder: Encoder, keep: Keep, place: Place) -> object:
    """Returns a state that no list of a rule names, None where an enum has no other."""
    named, leaf = (*keep.keep, *keep.skip), encoder.leaf(place)
    if leaf.words:
        return next((word for word in leaf.words if word not in named), None)
    is_number = leaf.number or (named and all(type(each) is int for each in named))
    return _OTHER_NUMBER if is_number else _OTHER_STATE


def _emptied(encoder: Encoder, place: Place) -> Place | None:
    """Returns the object that holds every field, where the rule lies outside of it."""
    contract = encoder.contract
    if contract.unwrap or not contract.format.startswith(("json", "avro")):
        return None
    roots = {
        path.segments[:1]
        for field in contract.fields.values()
        for path in field.paths
        if path.origin == "inner" and len(path.segments) > 1
    }
    single = {p.segments for f in contract.fields.values() for p in f.paths if len(p.segments) == 1}
    if len(roots) != 1 or single:
        return None
    root = Place(0, next(iter(roots)))
    outside = place.tree == 0 and place.names[:1] != root.names
    # Rules on fields inside of it come later, or they would ask what is gone.
    first = encoder.keeps[0][1] == place
    return root if outside and first and encoder.leaf(root).nullable else None
