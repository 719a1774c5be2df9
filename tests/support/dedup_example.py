"""The worked example of docs/dedup_walkthrough.md: six records, decided by the real step.

`rows` runs them through the rule of lateness and the DoFn that deduplicates, and tells what lies
in state after each. `table` writes that as the page has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from apache_beam.pvalue import TaggedOutput

from tests.support.payments import SECOND_US, START_US, transaction
from tests.support.stateful import StatefulRun
from transforms.payment.dedup_policy import DedupPolicy
from transforms.payment.rules import is_late
from transforms.payment.transaction import Transaction
from transforms.per_id_dedup import KeepFirstOfId
from transforms.sharded_dedup import KeepFirstOfShard
from transforms.state import packed
from transforms.state.id_memory import digests_of
from transforms.state.shard import Catalogue, unpack

LATENESS_SEC, SKEW_SEC = 45, 15
HORIZON_SEC = LATENESS_SEC + SKEW_SEC
POLICY = DedupPolicy(HORIZON_SEC * SECOND_US)
_BUCKET_SEC = HORIZON_SEC // 4
_FIRST_BUCKET = START_US // SECOND_US // _BUCKET_SEC
_SHARD, _SHARDS = 0, 1
_TAGS = ("duplicate", "conflict")


class Arrival(NamedTuple):
    """A record of the example; seconds since it began."""

    name: str
    arrived: int
    happened: int
    euros: int

    def transaction(self, offset: int) -> Transaction:
        """Returns the payment, as the steps before deduplication have made it."""
        return transaction(
            self.name,
            arrival_us=START_US + self.arrived * SECOND_US,
            event_time_us=START_US + self.happened * SECOND_US,
            amount_minor=self.euros * 100,
            offset=offset,
        )


RECORDS = (
    Arrival("A", arrived=3, happened=3, euros=12),
    Arrival("A", arrived=20, happened=3, euros=12),
    Arrival("A", arrived=25, happened=3, euros=99),
    Arrival("B", arrived=50, happened=48, euros=5),
    Arrival("A", arrived=60, happened=3, euros=12),
    Arrival("A", arrived=80, happened=78, euros=12),
)
# Before the last record the watermark has come so far.
WATERMARK = 76


class Row(NamedTuple):
    """What came, how it ended, and what lies in state then."""

    what: str
    outcome: str
    state: str
    timer: str


def rows() -> list[Row]:
    """Returns what happens with the default layout of state, the sharded one."""
    run = StatefulRun(KeepFirstOfShard(POLICY, _TAGS, _SHARDS))
    told = []
    for offset, arrival, at in _story():
        if arrival is None:
            run.advance_to(START_US + at * SECOND_US)
            told.append(Row(f"the watermark passes {at} s", "", _state(run), _timer(run)))
        else:
            outcome = _decided_by_shard(run, arrival.transaction(offset))
            told.append(Row(_what(offset, arrival), outcome, _state(run), _timer(run)))
    return told


def outcomes_by_id() -> list[str]:
    """Returns how the same records end with the plain layout, a cell for each id."""
    run = StatefulRun(KeepFirstOfId(POLICY, *_TAGS))
    told = []
    for offset, arrival, at in _story():
        if arrival is None:
            run.advance_to(START_US + at * SECOND_US)
            continue
        payment = arrival.transaction(offset)
        told.append(_decided(run, payment, (payment.transaction_id, payment)))
    return told


def table(told: Sequence[Row]) -> list[str]:
    """Returns the rows as lines of Markdown."""
    head = ["| what comes | outcome | in state afterwards | forget timer |", "|" + " --- |" * 4]
    return [*head, *(f"| {' | '.join(each)} |" for each in told)]


def _story() -> Iterator[tuple[int, Arrival | None, int]]:
    *before, last = enumerate(RECORDS)
    for offset, arrival in before:
        yield offset, arrival, arrival.arrived
    yield -1, None, WATERMARK
    yield *last, last[1].arrived


def _decided_by_shard(run: StatefulRun, payment: Transaction) -> str:
    return _decided(run, payment, (_SHARD, packed.pack([payment])))


def _decided(run: StatefulRun, payment: Transaction, element: tuple[object, object]) -> str:
    if is_late(payment, LATENESS_SEC * SECOND_US):
        return "late"
    run.outputs.clear()
    run.process(element, payment.broker_time_us)
    [output] = run.outputs
    return output.tag if isinstance(output, TaggedOutput) else "accepted"


def _what(offset: int, it: Arrival) -> str:
    return f"{offset + 1}: {it.name}, {it.euros} EUR, of {it.happened} s, arrives at {it.arrived} s"


def _state(run: StatefulRun) -> str:
    names = {int(digests_of([each.name])["high"][0]): each.name for each in RECORDS}
    counts = Catalogue.decode(run.states[_SHARD, "shard_catalogue"].held).counts
    blobs = [
        blob
        for (_, name), cell in run.states.items()
        if name.startswith("ids_")
        for blob in cell.held
    ]
    found: dict[int, list[str]] = {}
    for bucket, entries in map(unpack, blobs):
        number = bucket - _FIRST_BUCKET
        for each in entries:
            arrived = number * _BUCKET_SEC + each["arrival_ms"] / 1_000
            found.setdefault(number, []).append(f"{names[int(each['id_high'])]}@{arrived:g}")
    assert {number + _FIRST_BUCKET: len(ids) for number, ids in found.items()} == counts
    told = "; ".join(f"bucket {number}: {', '.join(ids)}" for number, ids in sorted(found.items()))
    return f"{told}; {sum(map(len, blobs))} bytes"


def _timer(run: StatefulRun) -> str:
    [timer] = run.timers.values()
    due_us = timer.due_us
    return "none" if due_us is None else f"{(due_us - START_US) / SECOND_US:g} s"
