"""Rows of the outcome tables, as values that compare with Kafka's."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from operations.reconcile.added_columns import AddedColumns
from operations.reconcile.plain_values import digest, plain_transaction, transaction_of
from operations.reconcile.skipped_ranges import Span
from operations.reconcile.truth import Place
from transforms.payment.cells import payment_of
from transforms.payment.outcome import Outcome
from transforms.payment.transaction import PaymentFacts, Transaction


class First(NamedTuple):
    """The accepted record that a duplicate or a conflict names."""

    place: Place
    broker_time_us: int


class PaymentRow(NamedTuple):
    """A row of transactions, duplicates, conflicts or late_transactions."""

    place: Place
    outcome: Outcome
    transaction: Transaction
    amount: Decimal  # major units, as the column holds it
    first: First | None  # of duplicates and conflicts only


class DeadLetterRow(NamedTuple):
    """A row of dead_letters."""

    place: Place
    broker_time_us: int
    reason: str
    key: bytes | None
    payload: bytes | None
    headers: str | None = None


class SkippedRow(NamedTuple):
    """A row of skipped_records; its place is that of the first record."""

    place: Place
    span: Span


Row = PaymentRow | DeadLetterRow | SkippedRow


class KeptLetter(NamedTuple):
    """A row of dead_letters, what it holds of the record as digests."""

    place: Place
    broker_time_us: int
    reason: str
    key: bytes | None
    payload: bytes | None
    headers: bytes | None


class FirstRow(NamedTuple):
    """A row of `transactions` outside the checked ranges that a copy inside them names."""

    transaction_id: str
    place: Place
    broker_time_us: int
    facts: PaymentFacts


class CurrencySum(NamedTuple):
    """What `transactions` holds of one currency."""

    currency: str
    rows: int
    amount: Decimal  # major units


class AcceptedRow(NamedTuple):
    """A row of `transactions` whose id has more than one row there."""

    transaction_id: str
    broker_time_us: int
    place: Place


class Outside(NamedTuple):
    """Rows outside the offsets that were checked.

    Attributes:
        expired: rows of records that Kafka has deleted since.
        other_topics: rows of topics that were not asked about.
        newer: rows of records that arrived after the check began.
        beyond_end: rows at offsets that Kafka has not reached: no record of it can be there.
    """

    expired: int = 0
    other_topics: int = 0
    newer: int = 0
    beyond_end: Iterable[Place] = ()


class MinuteDifference(NamedTuple):
    """A minute and currency whose newest totals are not what `transactions` adds up to."""

    minute_us: int
    currency: str
    rows: int
    amount: Decimal  # SUM over transactions, major units
    total_count: int
    total_amount: Decimal  # by totals_by_minute


class Tables(NamedTuple):
    """All that is asked of BigQuery.

    Attributes:
        rows: the rows of all outcome tables inside the checked ranges, in any order.
        sums: COUNT and SUM(amount) per currency of `transactions`, by SQL.
        accepted_rows: COUNT(*) of `transactions`, whole history.
        accepted_ids: COUNT(DISTINCT transaction_id) of `transactions`, whole history.
        repeated: every accepted row of an id that has more than one, ordered by id and arrival.
        minutes: the minutes whose totals differ from the accepted rows.
        firsts: accepted rows outside the checked ranges that copies inside them name.
    """

    rows: Iterable[Row]
    sums: Sequence[CurrencySum]
    accepted_rows: int
    accepted_ids: int
    repeated: Iterable[AcceptedRow] = ()
    outside: Outside = Outside()
    minutes: Iterable[MinuteDifference] = ()
    firsts: Iterable[FirstRow] = ()


# A dictionary, since calling the enum a million times takes a second.
_OUTCOMES = {outcome.value: outcome for outcome in Outcome}


def row_of(cells: dict[str, Any], added: AddedColumns | None = None) -> Row:
    """Returns the row that BigQuery wrote as one JSON object (bigquery_side.py makes the query).

    Args:
        added: the columns that a contract adds.

    Raises:
        KeyError, ValueError: the object is not what the query asks for.
    """
    outcome = _OUTCOMES[cells["outcome"]]
    if outcome is Outcome.SKIPPED:
        return _skipped(cells)
    place = Place(cells["kafka_topic"], int(cells["kafka_partition"]), int(cells["kafka_offset"]))
    broker_time_us = int(cells["broker_time"])
    if outcome is Outcome.INVALID:
        key, payload = _bytes(cells["key"]), _bytes(cells["payload"])
        return DeadLetterRow(place, broker_time_us, cells["reason"], key, payload, cells["headers"])
    # TO_JSON_STRING quotes integers beyond 2^53.
    transaction = payment_of(cells)
    if added is not None and added.columns:
        transaction = transaction._replace(extras=added.of_row(cells))
    return PaymentRow(place, outcome, transaction, Decimal(cells["amount"]), _first(cells))


def plain_row(row: Row) -> tuple[Any, ...]:
    """Returns the row without its place as plain values, for the disk."""
    if isinstance(row, DeadLetterRow):
        headers = None if row.headers is None else row.headers.encode()
        held = (row.key, row.payload, headers)
        return (row.broker_time_us, row.reason, *map(digest, held))
    if isinstance(row, SkippedRow):
        return (tuple(row.span),)
    first = None if row.first is None else (*row.first.place, row.first.broker_time_us)
    fields = plain_transaction(row.transaction)
    return row.outcome.value, fields, str(row.amount), first


def kept_row(place: Place, value: tuple[Any, ...]) -> PaymentRow | KeptLetter | SkippedRow:
    """Returns the row that `plain_row` took apart."""
    if len(value) == 1:
        return SkippedRow(place, Span(*value[0]))
    if len(value) == 5:
        return KeptLetter(place, *value)
    outcome, fields, amount, named = value
    first = None if named is None else First(Place(*named[:3]), named[3])
    return PaymentRow(place, _OUTCOMES[outcome], transaction_of(fields), Decimal(amount), first)


def _skipped(cells: dict[str, Any]) -> SkippedRow:
    place = Place(cells["kafka_topic"], int(cells["kafka_partition"]), int(cells["first_offset"]))
    span = Span(
        int(cells["last_offset"]),
        cells["rule"],
        int(cells["record_count"]),
        int(cells["broker_time"]),
        int(cells["last_broker_time"]),
    )
    return SkippedRow(place, span)


def _first(cells: dict[str, Any]) -> First | None:
    if "first_topic" not in cells:
        return None
    place = Place(cells["first_topic"], int(cells["first_partition"]), int(cells["first_offset"]))
    return First(place, int(cells["first_broker_time"]))


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text, validate=True)
