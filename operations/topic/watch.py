"""Shows the records of topics as they arrive."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson
from kafka.structs import TopicPartition

from operations.trace.row import id_in, moment_of
from transforms.codecs import wire_format
from transforms.kafka.message import record_of
from transforms.kafka.reader import KafkaReader
from transforms.payment import replay
from transforms.payment.dead_letter import Rejected
from transforms.payment.rules import MINOR_DIGITS, amount_of
from transforms.payment.transaction import KafkaRecord, Transaction

_PAUSE_SEC = 0.3
_CELL_CHARS_MAX = 64


class Seen(NamedTuple):
    """A record, and what can be read of it in the simulator's form.

    Attributes:
        payment: None when it has another form.
        problem: why, then; a contract may read it all the same.
    """

    record: KafkaRecord
    payment: Transaction | None
    problem: str | None


def begin(reader: KafkaReader, topics: Sequence[str], last: int) -> dict[TopicPartition, int]:
    """Returns the offsets to begin with: the end of each partition, or `last` offsets before."""
    return {
        TopicPartition(span.topic, span.partition): max(span.start, span.end - last)
        for span in reader.ranges(topics)
    }


def records(
    reader: KafkaReader, topics: Sequence[str], stands: Mapping[TopicPartition, int]
) -> Iterator[KafkaRecord]:
    """Yields what arrives from given offsets on, without end.

    A partition that was added meanwhile is shown from its beginning.
    """
    stands = dict(stands)
    while True:
        spans = []
        for span in reader.ranges(topics):
            pair = TopicPartition(span.topic, span.partition)
            spans.append(span._replace(start=max(stands.get(pair, 0), span.start)))
            stands[pair] = span.end
        for batch in reader.read(spans, skip_removed=True):
            yield from map(record_of, batch)
        time.sleep(_PAUSE_SEC)


def seen(record: KafkaRecord) -> Seen:
    """Returns what a record says."""
    try:
        return Seen(record, wire_format.decode(record), None)
    except Rejected as error:
        return Seen(record, None, error.reason.value)


def line(each: Seen) -> str:
    """Returns a record in a line; of what cannot be read its size and why."""
    record, payment, problem = each
    place = f"{record.topic}/{record.partition}/{record.offset}"
    cells = [f"{place:<24}", f"{moment_of(record.broker_time_us):%H:%M:%S.%f}"[:-3]]
    if payment is None:
        cells += [_shown(id_in(record.payload) or "?"), f"{_bytes(record)} bytes, {problem}"]
    else:
        route = f"{_shown(payment.account_id or 'unknown')} → {_shown(payment.merchant_id)}"
        cells += [_shown(payment.transaction_id), _amount(payment), route]
    of = replay.replay_of_or_none(record)
    if of is not None:
        cells.append(f"sends {of.topic}/{of.partition}/{of.offset} again")
    return "  ".join(cells)


def document(each: Seen) -> str:
    """Returns a record in a line of JSON."""
    record, payment, problem = each
    found: Mapping[str, Any] = {
        "place": f"{record.topic}/{record.partition}/{record.offset}",
        "arrived_at": wire_format.event_time_text(record.broker_time_us),
        "payload_bytes": _bytes(record),
        "transaction_id": id_in(record.payload),
        "amount_minor": payment and payment.amount_minor,
        "currency": payment and payment.currency,
        "account_id": payment and payment.account_id,
        "merchant_id": payment and payment.merchant_id,
        "problem": problem,
    }
    return orjson.dumps(found).decode()


def _bytes(record: KafkaRecord) -> int:
    return len(record.payload or b"")


def _amount(payment: Transaction) -> str:
    currency = payment.currency
    if currency not in MINOR_DIGITS:
        return f"{payment.amount_minor} minor units of {_shown(currency)}"
    return f"{amount_of(payment.amount_minor, currency):f} {currency}"


def _shown(text: str) -> str:
    # Anything can be in a topic; a terminal must not obey it.
    text = text if text.isprintable() else ascii(text)[1:-1]
    return text if len(text) <= _CELL_CHARS_MAX else f"{text[: _CELL_CHARS_MAX - 1]}…"
