"""A small history of payments as the tables hold it, written by hand; every answer can be counted.

payments[0]  0 tx-1 accepted   1 its duplicate   2 its conflict   3 tx-2 accepted
             4 invalid         5 tx-3 late       6 tx-7 accepted, after its minute was over
payments[1]  100 tx-4 accepted   101 a tombstone
             102 tx-5, which sends payments[0] 4 again, a day later: accepted
             103 sends 101 again, corrected badly: invalid
             104 tx-6, which sends 103 again: accepted, judged by the arrival of 101
             105 and 106 are skipped
"""

from __future__ import annotations

import datetime as dt
from typing import Any, NamedTuple

DAY = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)
NEXT_DAY = DAY + dt.timedelta(days=1)
TOPIC = "payments"


class Row(NamedTuple):
    """One row of a table, as the API takes it."""

    table: str
    cells: dict[str, Any]


class Payment(NamedTuple):
    """What a producer says of a payment. Times are h:m:s on DAY."""

    transaction_id: str
    amount: str
    amount_minor: int
    currency: str
    event_time: str
    merchant_id: str = "shop-1"
    day: dt.datetime = DAY

    def cells(self) -> dict[str, Any]:
        return {
            "transaction_id": self.transaction_id,
            "account_id": "acc-1",
            "merchant_id": self.merchant_id,
            "payment_type": "purchase",
            "amount": self.amount,
            "amount_minor": self.amount_minor,
            "currency": self.currency,
            "event_time": _text(at(self.event_time, self.day)),
        }


class Record(NamedTuple):
    """Where a record lies, when it arrived, and what it says that it sends again."""

    partition: int
    offset: int
    broker_time: str
    day: dt.datetime = DAY
    replay_of: tuple[int, int, str] | None = None  # partition, offset, first arrival on DAY

    def cells(self) -> dict[str, Any]:
        arrival = at(self.broker_time, self.day)
        cells = {
            "kafka_topic": TOPIC,
            "kafka_partition": self.partition,
            "kafka_offset": self.offset,
            "broker_time": _text(arrival),
            "ingested_at": _text(arrival + dt.timedelta(seconds=2)),
            "pipeline_version": "1.0",
        }
        if self.replay_of is not None:
            partition, offset, first_arrival = self.replay_of
            cells["replay_of_topic"] = TOPIC
            cells["replay_of_partition"] = partition
            cells["replay_of_offset"] = offset
            cells["original_time"] = _text(at(first_arrival))
        return cells

    def as_first(self) -> dict[str, Any]:
        return {
            "first_topic": TOPIC,
            "first_partition": self.partition,
            "first_offset": self.offset,
            "first_broker_time": _text(at(self.broker_time, self.day)),
        }


def at(clock: str, day: dt.datetime = DAY) -> dt.datetime:
    """Returns the moment of h:m:s on a day."""
    return dt.datetime.combine(day, dt.time.fromisoformat(clock), dt.UTC)


def _text(moment: dt.datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def accepted(payment: Payment, record: Record) -> Row:
    return Row("transactions", payment.cells() | record.cells())


def late(payment: Payment, record: Record) -> Row:
    return Row("late_transactions", payment.cells() | record.cells())


def duplicate(payment: Payment, record: Record, first: Record) -> Row:
    return Row("duplicates", payment.cells() | record.cells() | first.as_first())


def conflict(payment: Payment, record: Record, first: Record) -> Row:
    return Row("conflicts", payment.cells() | record.cells() | first.as_first())


def invalid(reason: str, record: Record, payload: str | None = "e30=") -> Row:
    rejection = {"reason": reason, "detail": "by hand", "step": "by hand", "payload": payload}
    return Row("dead_letters", rejection | record.cells())


def skipped(rule: str, first: Record, last: Record, records: int | None = None) -> Row:
    cells = first.cells() | {
        "first_offset": first.offset,
        "last_offset": last.offset,
        "last_broker_time": last.cells()["broker_time"],
        "record_count": last.offset - first.offset + 1 if records is None else records,
        "rule": rule,
    }
    del cells["kafka_offset"]
    return Row("skipped_records", cells)


def launch(claim_id: str, followed_by: str | None, ended: str | None = None) -> Row:
    cells = {
        "claim_id": claim_id,
        "run_id": claim_id.partition("/")[0],
        "followed_by": followed_by,
        "started_at": _text(at("09:00:00")),
        "ended_at": ended and _text(at(ended)),
        "launched_by": "ops@launcher",
        "shards": 8,
        "pipeline_version": "1",
    }
    return Row("runs", cells)


def verdict(number: str, clock: str, verdict: str = "reconciled", missing: int = 0) -> Row:
    counts = ("read", "accepted", "duplicate", "conflict", "late", "invalid", "double", "unknown")
    cells = {
        "reconciliation_id": number,
        "started_at": _text(at(clock)),
        "finished_at": _text(at(clock)),
        "duration_sec": 0.0,
        "verdict": verdict,
        "scope": "full",
        "since": None,
        "until": None,
        **dict.fromkeys(("ranges", "problems", "notes"), "[]"),
        "sums": "{}",
        **dict.fromkeys(counts, 0),
        "missing": missing,
        "allowed_lateness_sec": 3_600,
        "clock_skew_sec": 300,
        "checked_by": "ops@tools",
        "pipeline_version": "1",
    }
    return Row("reconciliations", cells)


def pane(
    minute: str,
    currency: str,
    count: int,
    amount: str,
    timing: str,
    index: int = 0,
    sec: int = 120,
    run: str = "run-1",
) -> Row:
    start = at(minute)
    cells = {
        "window_start": _text(start),
        "window_end": _text(start + dt.timedelta(minutes=1)),
        "currency": currency,
        "payment_count": count,
        "amount": amount,
        "pane_timing": timing,
        "pane_index": index,
        "run_id": run,
        "ingested_at": _text(start + dt.timedelta(seconds=sec)),
        "pipeline_version": "1.0",
    }
    return Row("totals_by_minute", cells)


def indicator(name: str, payment: Payment, record: Record) -> Row:
    return Row("fraud_indicators", {"indicator": name} | payment.cells() | record.cells())


TX_1 = Payment("tx-1", "12.50", 1250, "EUR", "09:59:58")
TX_1_CONFLICT = Payment("tx-1", "99.00", 9900, "EUR", "09:59:58", merchant_id="shop-2")
TX_2 = Payment("tx-2", "500", 500, "JPY", "10:00:20")
TX_3_LATE = Payment("tx-3", "7.00", 700, "EUR", "08:30:00")
TX_4 = Payment("tx-4", "1.250", 1250, "KWD", "10:07:00")
TX_5 = Payment("tx-5", "20.00", 2000, "EUR", "10:04:59")
TX_6 = Payment("tx-6", "3.000", 3000, "KWD", "10:07:00")
TX_7 = Payment("tx-7", "1.00", 100, "EUR", "09:59:59")

RECORD_1 = Record(0, 0, "10:00:00")
RECORD_1_DUPLICATE = Record(0, 1, "10:00:05")
RECORD_1_CONFLICT = Record(0, 2, "10:00:10")
RECORD_2 = Record(0, 3, "10:00:21")
RECORD_INVALID = Record(0, 4, "10:05:00")
RECORD_5 = Record(1, 102, "11:00:00", NEXT_DAY, replay_of=(0, 4, "10:05:00"))

RECORD_OPEN = Record(1, 105, "11:03:00", NEXT_DAY)
RECORD_OPEN_LAST = Record(1, 106, "11:03:30", NEXT_DAY)

RIGHT = [
    accepted(TX_1, RECORD_1),
    duplicate(TX_1, RECORD_1_DUPLICATE, first=RECORD_1),
    conflict(TX_1_CONFLICT, RECORD_1_CONFLICT, first=RECORD_1),
    accepted(TX_2, RECORD_2),
    invalid("unknown_currency", RECORD_INVALID),
    late(TX_3_LATE, Record(0, 5, "10:06:00")),
    accepted(TX_7, Record(0, 6, "10:06:30")),
    accepted(TX_4, Record(1, 100, "10:07:01")),
    invalid("tombstone", Record(1, 101, "10:07:02"), payload=None),
    accepted(TX_5, RECORD_5),
    invalid(
        "amount_not_positive",
        Record(1, 103, "11:01:00", NEXT_DAY, replay_of=(1, 101, "10:07:02")),
    ),
    accepted(TX_6, Record(1, 104, "11:02:00", NEXT_DAY, replay_of=(1, 103, "10:07:02"))),
    skipped("state=open", RECORD_OPEN, RECORD_OPEN_LAST),
    # The minute of tx-1 and tx-7: each pane replaces the one before.
    pane("09:59:00", "EUR", 1, "12.50", "early", 0),
    pane("09:59:00", "EUR", 1, "12.50", "on_time", 1),
    pane("09:59:00", "EUR", 2, "13.50", "late", 2),
    pane("10:00:00", "JPY", 1, "500", "on_time"),
    pane("10:07:00", "KWD", 1, "1.250", "on_time"),
    # Replayed when their minutes were closed.
    pane("10:04:00", "EUR", 1, "20.00", "correction"),
    pane("10:07:00", "KWD", 1, "3.000", "correction"),
    indicator("new_device", TX_2, RECORD_2),
    indicator("conflict", TX_1_CONFLICT, RECORD_1_CONFLICT),
    # The second launch was refused; the third took over when the first had ended.
    launch("root", "run-1/a"),
    launch("run-1/a", "run-3/a", ended="09:30:00"),
    launch("run-2/a", None),
    launch("run-3/a", None),
    verdict("check-1", "12:00:00", "not_reconciled", missing=3),
    verdict("check-2", "13:00:00"),
]
