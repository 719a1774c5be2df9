"""Measures in one process what a step's own work costs, on payments as the simulator makes them.

Only what needs no Flink, Kafka or BigQuery: no data plane, no state, nobody else in the process.
Each figure is the least of a few short repetitions, in CPU time, since other programs may run.
"""

from __future__ import annotations

import itertools
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from pipeline import flink_keys
from simulator.generate import PaymentSource, make_pools
from transforms.batch_by_shard import Shards
from transforms.bigquery.arrow_rows import ENCODERS
from transforms.codecs import batch_decode, record_frame
from transforms.payment import batch_rules
from transforms.payment.dedup_policy import DedupPolicy
from transforms.payment.fraud_rules import FraudRules
from transforms.payment.rules import Rules
from transforms.payment.tables import TRANSACTIONS
from transforms.payment.transaction import KafkaRecord, Transaction
from transforms.state import packed
from transforms.state.account_state import AccountState, BookHeader
from transforms.state.shard import Catalogue, Shard

Records = TypeVar("Records", KafkaRecord, Transaction)
_RECORDS = 10_000
_ACCOUNTS = 2_000
_FRAME = 300
# An append of a bundle's rows, and batches of an easy and of a hard spread over shards.
_ROWS = 2_000
LARGE_BATCH, SMALL_BATCH = 500, 16
_REPETITIONS = 5
_BEGIN_US = 1_800_000_000_000_000
_SKEW_US = 300_000_000
_HORIZON_US = 3_900_000_000
_DAY_US = 86_400_000_000


class Measurements(NamedTuple):
    """What was measured, in CPU microseconds a record and in bytes.

    Attributes:
        per_record_us: by the name of the step (scale_costs.STEPS).
        per_batch_us: what a batch of a shard costs beside its records: packed, unpacked, decided.
        record_bytes: key and payload of a Kafka record.
        row_bytes: a row of `transactions` in an append.
        ids: how many the shard of `decide` remembered.
    """

    per_record_us: dict[str, float]
    per_batch_us: float
    record_bytes: float
    row_bytes: float
    ids: int


def measure(ids: int) -> Measurements:
    """Measures every step; `decide` with a shard that remembers so many ids."""
    records = _records()
    frames = [_frame_of(part) for part in _parts(records, _FRAME)]
    payments = batch_decode.decode(records).transactions
    batches = list(_parts(payments, LARGE_BATCH))
    packs = [packed.pack(batch) for batch in batches]
    rules, shards = Rules(_SKEW_US), Shards(flink_keys.even_keys(8))
    encoder = ENCODERS[TRANSACTIONS.name]
    rows = [encoder.encode(part, "scale").serialize() for part in _parts(payments, _ROWS)]

    def per_record(run: Callable[[], object]) -> float:
        return _least_us(run) / len(records)

    costs = {
        "frame": per_record(lambda: [record_frame.unpack(each) for each in frames]),
        "decode": per_record(lambda: [batch_decode.decode(p) for p in _parts(records, _FRAME)]),
        "rules": per_record(
            lambda: [list(batch_rules.broken(rules, part)) for part in _parts(payments, _FRAME)]
        ),
        "batch": per_record(lambda: _gathered(payments, shards)),
        "unpack": per_record(lambda: [packed.unpack(each) for each in packs]),
        "decide": _decide_us(payments, ids, LARGE_BATCH),
        "arrow": per_record(
            lambda: [encoder.encode(p, "scale").serialize() for p in _parts(payments, _ROWS)]
        ),
        "judge": per_record(
            lambda: AccountState(FraudRules(_DAY_US), BookHeader()).judge(payments)
        ),
    }
    return Measurements(
        costs,
        _per_batch_us(payments, ids),
        sum(len(each.key or b"") + len(each.payload or b"") for each in records) / len(records),
        sum(each.size for each in rows) / len(records),
        ids,
    )


def _per_batch_us(payments: Sequence[Transaction], ids: int) -> float:
    """Returns what a batch costs beside its records: the slope between small and large ones."""

    def cost(size: int) -> float:
        carried = _least_us(
            lambda: [packed.unpack(packed.pack(each)) for each in _parts(payments, size)]
        )
        return carried / len(payments) + _decide_us(payments, ids, size)

    return (cost(SMALL_BATCH) - cost(LARGE_BATCH)) / (1 / SMALL_BATCH - 1 / LARGE_BATCH)


def _decide_us(payments: Sequence[Transaction], ids: int, size: int) -> float:
    shard = _shard_with(ids)
    copies = itertools.count()

    def decide() -> None:
        # Ids that nobody has seen: deciding again on the same ones would be on duplicates.
        mark = f"-{next(copies)}"
        for batch in fresh[mark]:
            shard.decide(batch)

    fresh = {
        f"-{number}": [
            [each._replace(transaction_id=f"{each.transaction_id}-{number}") for each in batch]
            for batch in _parts(payments, size)
        ]
        for number in range(_REPETITIONS)
    }
    return _least_us(decide) / len(payments)


def _shard_with(ids: int) -> Shard:
    shard = Shard(DedupPolicy(_HORIZON_US), Catalogue(), 8)
    template = Transaction("", "a", "m", "purchase", 1, "EUR", 0, None, None, "t", 0, 0, _BEGIN_US)
    for begin in range(0, ids, 10_000):
        shard.decide(
            [
                template._replace(transaction_id=f"known-{number}", offset=number)
                for number in range(begin, min(ids, begin + 10_000))
            ]
        )
    return shard


def _gathered(payments: Sequence[Transaction], shards: Shards) -> list[bytes]:
    """Does what BatchByShard does with a bundle."""
    batches: dict[int, list[Transaction]] = {}
    for each in payments:
        batches.setdefault(shards.of(each.transaction_id), []).append(each)
    return [packed.pack(batch) for batch in batches.values()]


def _least_us(run: Callable[[], object]) -> float:
    spent = []
    for _ in range(_REPETITIONS):
        before = time.process_time_ns()
        run()
        spent.append(time.process_time_ns() - before)
    return min(spent) / 1_000


def _records() -> list[KafkaRecord]:
    source = PaymentSource(1, make_pools(1, _ACCOUNTS))
    records = []
    for number in range(_RECORDS):
        now_us = _BEGIN_US + number * 1_000
        account, payment = source.next(now_us)
        records.append(
            KafkaRecord("payments", number % 4, number, now_us, account.key, payment.encode())
        )
    return records


def _parts(whole: Sequence[Records], size: int) -> Iterator[list[Records]]:
    for begin in range(0, len(whole), size):
        yield list(whole[begin : begin + size])


def _frame_of(records: Sequence[KafkaRecord]) -> bytes:
    """Returns the records as RecordFrames.java packs them."""
    topic = records[0].topic.encode()
    places = [each.offset for each in records] + [each.broker_time_us // 1_000 for each in records]
    keys = [each.key or b"" for each in records]
    values = [each.payload or b"" for each in records]
    lengths = [*map(len, keys), *map(len, values), *([-1] * len(records))]
    return b"".join(
        (
            struct.pack("<BBHii", 2, 1, len(topic), 0, len(records)),
            topic,
            np.array(places, "<i8").tobytes(),
            np.array(lengths, "<i4").tobytes(),
            *keys,
            *values,
        )
    )
