"""Records that a contract must refuse: every kind that it has, each with its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from simulator.contracts import amounts
from simulator.contracts.encoder import Encoder, Written
from simulator.contracts.meaning import Meant
from simulator.contracts.not_payments import other_state
from simulator.contracts.places import HEADER, KAFKA, KEY, Draft, Place
from transforms.payment.dead_letter import Reason
from transforms.payment.rules import MINOR_DIGITS

_UNKNOWN_SCHEMA_ID = 0x7FFF_FFFE
_MAJOR_KINDS = ("decimal_text", "decimal_number", "decimal", "units_nanos", "variable_scale")

# Changes a draft; None says that this payment cannot be spoiled so.
Change = Callable[[Draft, Meant], bool]


class Kind(NamedTuple):
    """One way in which a record cannot be counted."""

    name: str
    reason: Reason
    of_draft: Change | None = None
    of_bytes: Callable[[bytes], bytes | None] | None = None


class Spoiler:
    """Spoils records of a contract.

    Attributes:
        kinds: those that this contract can have.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self.kinds = {kind.name: kind for kind in _kinds(encoder)}

    def write(self, name: str, meant: Meant) -> tuple[Reason, Written | None] | None:
        """Returns the reason and the record, None where this payment cannot be spoiled so.

        The record is None for a tombstone.
        """
        kind, encoder = self.kinds[name], self._encoder
        draft = encoder.draft(meant)
        if kind.of_draft is not None and not kind.of_draft(draft, meant):
            return None
        written = encoder.finish(draft)
        if kind.of_bytes is None:
            return kind.reason, written
        payload = kind.of_bytes(written.payload)
        return kind.reason, None if payload is None else written._replace(payload=payload)


def _kinds(encoder: Encoder) -> Iterator[Kind]:
    yield from _of_bytes(encoder)
    yield from _of_states(encoder)
    yield from _of_amounts(encoder)
    yield from _of_texts(encoder)
    yield from _missing(encoder)


def _of_bytes(encoder: Encoder) -> Iterator[Kind]:
    contract = encoder.contract
    form, most = contract.format, contract.payload_bytes_max
    if contract.tombstones == "reject":
        yield Kind("tombstone", Reason.TOMBSTONE, of_bytes=lambda raw: None)
    yield Kind("too_large", Reason.TOO_LARGE, of_bytes=lambda raw: raw + b" " * (most + 1))
    if form == "json":
        yield from _of_json(encoder)
    elif form.endswith("_registry"):
        yield Kind("no_frame", Reason.NOT_DECODABLE, of_bytes=lambda raw: b"\1" + raw[1:])
    if form == "avro_registry":
        front = b"\0" + _UNKNOWN_SCHEMA_ID.to_bytes(4, "big")
        yield Kind("unknown_schema", Reason.UNKNOWN_SCHEMA, of_bytes=lambda raw: front + raw[5:])
    if form.startswith("avro"):
        yield Kind("left_over", Reason.NOT_DECODABLE, of_bytes=lambda raw: raw + b"\0")
    if form == "protobuf":
        yield Kind("cut_off", Reason.NOT_DECODABLE, of_bytes=lambda raw: raw + b"\x0a\x7f")


def _of_json(encoder: Encoder) -> Iterator[Kind]:
    yield Kind("not_json", Reason.NOT_JSON, of_bytes=lambda raw: b"<payment>12.50</payment>")
    yield Kind("truncated_json", Reason.NOT_JSON, of_bytes=lambda raw: raw[: len(raw) // 2])
    if isinstance(encoder.draft_root, dict):
        yield Kind(
            "repeated_field",
            Reason.REPEATED_FIELD,
            of_bytes=lambda raw: b'{"twice":1,"twice":2,' + raw[1:],
        )
    if not encoder.contract.unwrap:
        yield Kind("array", Reason.NOT_AN_OBJECT, of_bytes=lambda raw: b"[]")


def _of_states(encoder: Encoder) -> Iterator[Kind]:
    for keep, place in encoder.keeps:
        other = other_state(encoder, keep, place)
        if keep.otherwise == "reject" and other is not None:
            yield Kind(
                f"unknown_state_{keep.name}",
                Reason.UNKNOWN_STATE,
                _state(other, place),
            )
    for place in encoder.places.singles:
        yield Kind(
            f"several_payments_{'.'.join(place.names)}", Reason.SEVERAL_PAYMENTS, _twice(place)
        )


def _putting(value: Callable[[Meant], object], place: Place) -> Change:
    def change(draft: Draft, meant: Meant) -> bool:
        draft.put(place, value(meant))
        return True

    return change


def _state(state: object, place: Place) -> Change:
    return _putting(lambda meant: state, place)


def _twice(place: Place) -> Change:
    def change(draft: Draft, meant: Meant) -> bool:
        items = draft.get(place)
        draft.put(place, [*items, *items])
        return True

    return change


def _of_amounts(encoder: Encoder) -> Iterator[Kind]:
    field = encoder.contract.fields["amount"]
    signed = field.amount.negative_is or field.amount.positive_is
    if not signed:
        yield Kind("amount_zero", Reason.AMOUNT_NOT_POSITIVE, _amount(encoder, lambda minor: 0))
        yield Kind(
            "amount_negative", Reason.AMOUNT_NOT_POSITIVE, _amount(encoder, lambda minor: -minor)
        )
    yield Kind("amount_not_exact", Reason.AMOUNT_NOT_EXACT, _not_exact(encoder))
    place = encoder.place("amount")
    if field.kind == "minor_integer" and encoder.contract.format.startswith("json"):
        yield Kind(
            "amount_text", Reason.WRONG_TYPE, _putting(lambda meant: str(meant.amount_minor), place)
        )
    if field.kind == "decimal_text" and not (field.before or field.after):
        yield Kind("amount_with_commas", Reason.BAD_AMOUNT, _putting(lambda m: "1,25.0", place))


def _amount(encoder: Encoder, of: Callable[[int], int]) -> Change:
    field = encoder.contract.fields["amount"]

    def change(draft: Draft, meant: Meant) -> bool:
        unscaled, scale = amounts.written(field, meant.amount_minor, meant.currency)
        encoder.put_amount(draft, of(unscaled), scale)
        return True

    return change


def _not_exact(encoder: Encoder) -> Change:
    """Returns what writes one digit more than the currency has, where the contract can say it."""
    field, leaf = encoder.contract.fields["amount"], encoder.leaves["amount"]

    def change(draft: Draft, meant: Meant) -> bool:
        digits = MINOR_DIGITS[meant.currency]
        most = amounts.scale_max(field, leaf, meant.currency) or 0
        if most <= digits or meant.amount_minor > 10**12:
            return False
        sign = -1 if meant.negative else 1
        unscaled = sign * (meant.amount_minor * 10 + 5)
        if amounts.is_in_minor_units(field):
            encoder.put_amount(draft, unscaled * 10 ** (most - digits - 1), 0)
        else:
            encoder.put_amount(draft, unscaled, digits + 1)
        return True

    return change


def _of_texts(encoder: Encoder) -> Iterator[Kind]:
    fields = encoder.contract.fields
    currency, identity = fields["currency"], fields["transaction_id"]
    if currency.paths and not currency.names and currency.kind != "iso_numeric":
        # Of a text that holds the amount as well, nothing else is changed.
        put = encoder.put_text["currency"]
        yield Kind("currency_unknown", Reason.UNKNOWN_CURRENCY, _text(put, "ZZZ"))
    if len(identity.paths) == 1 and not encoder.leaves["transaction_id"].number:
        place = encoder.place("transaction_id")
        yield Kind(
            "id_with_blank", Reason.BAD_TRANSACTION_ID, _putting(lambda m: "tx 00 17", place)
        )
    time = fields["event_time"]
    if len(time.paths) == 1 and not encoder.time_is_arrival:
        place = encoder.place("event_time")
        yield Kind(
            "event_time_wrong",
            Reason.BAD_EVENT_TIME,
            _putting(lambda meant: encoder.time.bad(meant.event_time_us), place),
        )


def _text(put: Callable[[Draft, str], None], text: str) -> Change:
    def change(draft: Draft, meant: Meant) -> bool:
        put(draft, text)
        return True

    return change


def _missing(encoder: Encoder) -> Iterator[Kind]:
    asked = {each.at.text for each in encoder.contract.keep}
    for name, field in encoder.contract.fields.items():
        if field.optional or len(field.paths) != 1 or field.paths[0].text in asked:
            continue
        if field.otherwise:  # the sample may hold the next of `first_of`
            continue
        place = encoder.places.of(field.paths[0])
        if place.tree in (KAFKA, KEY) or not _may_be_missing(encoder, place):
            continue
        yield Kind(f"missing_{name}", Reason.MISSING_FIELD, _dropping(place))


def _may_be_missing(encoder: Encoder, place: Place) -> bool:
    if place.tree == HEADER:
        return True
    if encoder.contract.format.startswith("protobuf") and place.tree == 0:
        return not encoder.leaf(place).number
    return not encoder.contract.format.startswith("avro") and bool(place.names)


def _dropping(place: Place) -> Change:
    def change(draft: Draft, meant: Meant) -> bool:
        draft.drop(place)
        return True

    return change
