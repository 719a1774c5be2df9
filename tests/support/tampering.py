"""Rows of a faulty or forged history: for each law of sql/**/*checks.sql, some that break it."""

from __future__ import annotations

from typing import NamedTuple

from tests.support.sql_history import (
    NEXT_DAY,
    RECORD_1,
    RECORD_1_DUPLICATE,
    RECORD_2,
    RECORD_OPEN,
    RECORD_OPEN_LAST,
    TX_1,
    TX_2,
    Payment,
    Record,
    Row,
    accepted,
    conflict,
    duplicate,
    indicator,
    invalid,
    late,
    launch,
    pane,
    skipped,
    verdict,
)

TX_8 = Payment("tx-8", "4.00", 400, "EUR", "10:01:00")
TX_8_TODAY = Payment("tx-8", "4.00", 400, "EUR", "11:01:30", day=NEXT_DAY)
NEXT = Record(0, 7, "10:08:00")


class Tampering(NamedTuple):
    """Rows added to the right history, the law they break, and the row that must be told."""

    law: str
    what: str
    rows: list[Row]
    told: dict[str, object]


TAMPERINGS = [
    Tampering(
        "each range of skipped records can hold as many as it counts",
        "a range of two that counts three",
        [skipped("state=failed", RECORD_OPEN, RECORD_OPEN_LAST, records=3)],
        {"rule": "state=failed", "record_count": 3},
    ),
    Tampering(
        "ranges of one rule do not overlap",
        "a record skipped again",
        [skipped("state=open", RECORD_OPEN_LAST, RECORD_OPEN_LAST)],
        {"first_offset": 106, "offset_before": 106},
    ),
    Tampering(
        "each run has taken the tables from one other",
        "a run that took the tables twice",
        [launch("run-9/a", "run-3/a")],
        {"followed_by": "run-3/a", "followed": 2},
    ),
    Tampering(
        "no verdict says more than its counts",
        "a verdict in spite of three missing records",
        [verdict("check-9", "12:30:00", missing=3)],
        {"reconciliation_id": "check-9", "missing": 3},
    ),
    Tampering(
        "the newest verdict is that all was counted once",
        "a check that failed, and none since",
        [verdict("check-9", "14:00:00", "not_reconciled", missing=1)],
        {"reconciliation_id": "check-9", "missing": 1},
    ),
    Tampering(
        "each run that took the tables has a row",
        "a run whose row is gone",
        [launch("run-9/a", "run-10/a")],
        {"claim_id": "run-9/a", "followed_by": "run-10/a"},
    ),
    Tampering(
        "each transaction_id is counted once",
        "a payment counted again",
        [accepted(TX_1, NEXT)],
        {"transaction_id": "tx-1", "copies": 2, "places": 2, "apart_sec": 480},
    ),
    Tampering(
        "each transaction_id is counted once",
        "a record written twice",
        [accepted(TX_1, RECORD_1)],
        {"transaction_id": "tx-1", "copies": 2, "places": 1, "apart_sec": 0},
    ),
    Tampering(
        "each record stands in one row of one outcome table",
        "an accepted record that is late as well",
        [late(TX_1, RECORD_1)],
        {"kafka_partition": 0, "kafka_offset": 0, "outcomes": "accepted, late"},
    ),
    Tampering(
        "no offset between two records of a partition is missing",
        "two records lost",
        [accepted(TX_8, Record(0, 9, "10:08:00"))],
        {"kafka_partition": 0, "first_missing": 7, "last_missing": 8},
    ),
    Tampering(
        "each amount is above zero, and the same in major and minor units",
        "three minor digits taken for two",
        [accepted(Payment("tx-8", "12.50", 1250, "KWD", "10:07:59"), NEXT)],
        {"outcome": "accepted", "kafka_offset": 7, "amount_minor": 1250, "currency": "KWD"},
    ),
    Tampering(
        "each amount is above zero, and the same in major and minor units",
        "an amount of nothing",
        [accepted(Payment("tx-8", "0", 0, "EUR", "10:07:59"), NEXT)],
        {"outcome": "accepted", "kafka_offset": 7, "amount_minor": 0},
    ),
    Tampering(
        "each replay names a dead letter that arrived before it, and its first arrival",
        "a forged header that names a payment",
        [accepted(TX_8, Record(0, 7, "10:08:00", replay_of=(0, 3, "10:00:21")))],
        {"second_fate": "accepted", "kafka_offset": 7, "replay_of_offset": 3},
    ),
    Tampering(
        "each replay names a dead letter that arrived before it, and its first arrival",
        "a forged header that claims an earlier arrival",
        [accepted(TX_8, Record(0, 7, "10:08:00", replay_of=(0, 4, "09:05:00")))],
        {"second_fate": "accepted", "kafka_offset": 7, "replay_of_offset": 4},
    ),
    Tampering(
        "each replay names a dead letter that arrived before it, and its first arrival",
        "a chain judged by its second arrival",
        [accepted(TX_8, Record(1, 105, "11:03:00", NEXT_DAY, replay_of=(1, 103, "11:01:00")))],
        {"second_fate": "accepted", "kafka_offset": 105, "replay_of_offset": 103},
    ),
    Tampering(
        "no dead letter is counted twice by being sent again",
        "sent again under another id",
        [accepted(TX_8, Record(1, 105, "11:03:00", NEXT_DAY, replay_of=(0, 4, "10:05:00")))],
        {"replay_of_partition": 0, "replay_of_offset": 4, "counted": 2},
    ),
    Tampering(
        "each conflict names an accepted payment of its id, and contradicts it",
        "a conflict that agrees",
        [conflict(TX_2, NEXT, first=RECORD_2)],
        {"transaction_id": "tx-2", "kafka_offset": 7},
    ),
    Tampering(
        "each conflict names an accepted payment of its id, and contradicts it",
        "a conflict with a payment of another id",
        [conflict(TX_8, NEXT, first=RECORD_2)],
        {"transaction_id": "tx-8", "kafka_offset": 7},
    ),
    Tampering(
        "each duplicate names an accepted payment of its id, with the same payment facts",
        "a duplicate of another amount",
        [duplicate(TX_2._replace(amount="501", amount_minor=501), NEXT, first=RECORD_2)],
        {"transaction_id": "tx-2", "kafka_offset": 7},
    ),
    Tampering(
        "each duplicate names an accepted payment of its id, with the same payment facts",
        "a duplicate of a duplicate",
        [duplicate(TX_1, NEXT, first=RECORD_1_DUPLICATE)],
        {"transaction_id": "tx-1", "kafka_offset": 7},
    ),
    Tampering(
        "at most 2 % of the payments of an hour are copies",
        "a producer that retries all the time",
        [
            duplicate(TX_1, Record(0, offset, "11:05:00", NEXT_DAY), first=RECORD_1)
            for offset in range(7, 17)
        ],
        {"records": 12, "duplicates": 10},
    ),
    Tampering(
        "each reason is one of the closed list",
        "a reason of its own",
        [invalid("bad_mood", NEXT)],
        {"reason": "bad_mood", "kafka_offset": 7},
    ),
    Tampering(
        "each dead letter keeps its raw bytes, tombstones excepted",
        "bytes thrown away",
        [invalid("not_json", NEXT, payload=None)],
        {"reason": "not_json", "kafka_offset": 7},
    ),
    Tampering(
        "each late payment was more delayed than every payment that was not late",
        "a payment set aside a second after it happened",
        [late(TX_8, Record(0, 7, "10:01:01"))],
        {"transaction_id": "tx-8", "kafka_offset": 7},
    ),
    Tampering(
        "each pane is of one whole minute and of a known kind",
        "a pane of a kind unknown",
        [pane("10:00:00", "JPY", 1, "500", "retraction", 1)],
        {"currency": "JPY", "pane_timing": "retraction"},
    ),
    Tampering(
        "each pane is of one whole minute and of a known kind",
        "a pane of half a minute on",
        [pane("10:00:30", "JPY", 1, "500", "on_time")],
        {"currency": "JPY", "pane_timing": "on_time"},
    ),
    Tampering(
        "the totals of closed minutes are the sums of their payments",
        "a payment that no pane has counted",
        [accepted(TX_8, NEXT)],
        {"currency": "EUR", "payments": 1, "payments_in_totals": 0},
    ),
    Tampering(
        "the totals of closed minutes are the sums of their payments",
        "a correction counted twice",
        [pane("10:04:00", "EUR", 1, "20.00", "correction")],
        {"currency": "EUR", "payments": 1, "payments_in_totals": 2},
    ),
    Tampering(
        "the totals of the last two hours are the sums of their payments: no job is behind",
        "a payment whose pane is not written yet",
        [accepted(TX_8_TODAY, Record(1, 105, "11:02:30", NEXT_DAY))],
        {"currency": "EUR", "payments": 1, "payments_in_totals": 0},
    ),
    Tampering(
        "each indicator is one of the closed list",
        "a feeling",
        [indicator("gut_feeling", TX_2, RECORD_2)],
        {"indicator": "gut_feeling", "kafka_offset": 3},
    ),
    Tampering(
        "each indicator was raised by an accepted payment, or by the conflict it names",
        "raised by a duplicate",
        [indicator("new_device", TX_1, RECORD_1_DUPLICATE)],
        {"indicator": "new_device", "kafka_offset": 1},
    ),
    Tampering(
        "each indicator was raised by an accepted payment, or by the conflict it names",
        "a conflict that nobody recorded",
        [indicator("conflict", TX_2, RECORD_2)],
        {"indicator": "conflict", "kafka_offset": 3},
    ),
    Tampering(
        "a payment raises each indicator once",
        "an alarm twice",
        [indicator("new_device", TX_2, RECORD_2)],
        {"indicator": "new_device", "kafka_offset": 3, "copies": 2},
    ),
]
