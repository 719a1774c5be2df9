"""Shows the records of topics as they arrive."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson
from kafka.structs import TopicPartition

from operations.trace.row import id_in, moment_of
from transforms.codecs import wire_format
from transforms.codecs.contract import native
from transforms.codecs.contract.decoder import Decoder
from transforms.kafka.message import record_of
from transforms.kafka.reader import KafkaReader
from transforms.payment import replay
from transforms.payment.rules import MINOR_DIGITS, amount_of
from transforms.payment.transaction import KafkaRecord, Transaction

_PAUSE_SEC = 0.3
_CELL_CHARS_MAX = 64


class Seen(NamedTuple):
    """A record, and what its contract reads of it.

    Attributes:
        payment: None of what is none.
        transaction_id: also of what is none, as far as one can be read.
        problem: the reason of an invalid record, or the rule by which it is skipped.
    """

    record: KafkaRecord
    payment: Transaction | None
    transaction_id: str | None
    problem: str | None


def begin(reader: KafkaReader, topics: Sequence[str], last: int) -> dict[TopicPartition, int]:
    """Returns the offsets to begin with: the end of each partition, or `last` offsets before."""
    return {
        TopicPartition(span.topic, span.partition): max(span.start, span.end - last)
        for span in reader.ranges(topics)
    }


def records(
    reader: KafkaReader,
    topics: Sequence[str],
    stands: Mapping[TopicPartition, int],
    headers: Collection[str] = (),
) -> Iterator[KafkaRecord]:
    """Yields what arrives from given offsets on, without end.

    A partition that was added meanwhile is shown from its beginning.

    Args:
        headers: names of those that the records carry.
    """
    stands = dict(stands)
    while True:
        spans = []
        for span in reader.ranges(topics):
            pair = TopicPartition(span.topic, span.partition)
            spans.append(span._replace(start=max(stands.get(pair, 0), span.start)))
            stands[pair] = span.end
        for batch in reader.read(spans, skip_removed=True):
            yield from (record_of(each, headers) for each in batch)
        time.sleep(_PAUSE_SEC)


def seen(record: KafkaRecord, decoder: Decoder) -> Seen:
    """Returns what a record says by the contract of a decoder."""
    decoded = decoder.decode([record])
    for payment in decoded.transactions:
        return Seen(record, payment, payment.transaction_id, None)
    if native.is_native(decoder.contract):
        transaction_id = id_in(record.payload)
    else:
        transaction_id = decoder.id_of(record)
    problems = [error.reason.value for _, error in decoded.rejected]
    problems += [f"skipped by {rule}" for _, rule in decoded.skipped]
    return Seen(record, None, transaction_id, problems[0])


def line(each: Seen) -> str:
    """Returns a record in a line; of what cannot be read its size and why."""
    record, payment, transaction_id, problem = each
    place = f"{record.topic}/{record.partition}/{record.offset}"
    cells = [f"{place:<24}", f"{moment_of(record.broker_time_us):%H:%M:%S.%f}"[:-3]]
    if payment is None:
        cells += [_shown(transaction_id or "?"), f"{_bytes(record)} bytes, {_shown(problem or '')}"]
    else:
        route = f"{_shown(payment.account_id or 'unknown')} → {_shown(payment.merchant_id)}"
        cells += [_shown(payment.transaction_id), _amount(payment), route]
    of = replay.replay_of_or_none(record)
    if of is not None:
        cells.append(f"sends {of.topic}/{of.partition}/{of.offset} again")
    return "  ".join(cells)


def document(each: Seen) -> str:
    """Returns a record in a line of JSON."""
    record, payment, transaction_id, problem = each
    found: Mapping[str, Any] = {
        "place": f"{record.topic}/{record.partition}/{record.offset}",
        "arrived_at": wire_format.event_time_text(record.broker_time_us),
        "payload_bytes": _bytes(record),
        "transaction_id": transaction_id,
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
