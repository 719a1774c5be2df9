"""The records of the checked ranges, all in memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from operations.reconcile.rows import First
from operations.reconcile.truth import Limits, OffsetRange, Partition, Place, Reach
from transforms.codecs import wire_format
from transforms.payment.dead_letter import Rejected
from transforms.payment.outcome import Outcome
from transforms.payment.rules import Rules, is_late
from transforms.payment.transaction import KafkaRecord, Transaction


class Invalid(NamedTuple):
    """A record that cannot be counted, exactly as read."""

    place: Place
    broker_time_us: int
    key: bytes | None
    payload: bytes | None
    reason: str


@dataclasses.dataclass(slots=True)
class Entry:
    """One record in Kafka, and where it was found.

    Attributes:
        content: what the record says.
        decided: INVALID or LATE, which the record alone decides; None for a valid record on time,
            whose outcome depends on the other copies of its id.
        outcome: where BigQuery has it, None while no row was seen.
        first: the accepted record that its row names, for a duplicate or a conflict.
        in_ledger: whether a ledger names it.
    """

    content: Transaction | Invalid
    decided: Outcome | None
    outcome: Outcome | None = None
    first: First | None = None
    in_ledger: bool = False

    @property
    def place(self) -> Place:
        """Returns where the record is."""
        if isinstance(self.content, Invalid):
            return self.content.place
        return Place(self.content.topic, self.content.partition, self.content.offset)


class PartitionTruth:
    """One partition: the records that it really holds, by offset.

    Markers of transactions and aborted records take offsets but are no records: gaps are normal.
    """

    def __init__(self, checked: OffsetRange) -> None:
        self.range = checked
        self.entries: dict[int, Entry] = {}


class Truth:
    """All checked partitions."""

    def __init__(self, ranges: Iterable[OffsetRange], limits: Limits) -> None:
        self.limits = limits
        self.partitions: dict[Partition, PartitionTruth] = {
            (checked.topic, checked.partition): PartitionTruth(checked) for checked in ranges
        }
        self._rules = Rules(limits.clock_skew_us)

    @property
    def ranges(self) -> list[OffsetRange]:
        """Returns what is checked, partition by partition."""
        return [partition.range for partition in self.partitions.values()]

    @property
    def records(self) -> int:
        """Returns how many records Kafka holds in the checked ranges."""
        return sum(len(partition.entries) for partition in self.partitions.values())

    def add(self, record: KafkaRecord) -> None:
        """Judges a record read from Kafka by the rules of the contract."""
        partition = self.partitions[record.topic, record.partition]
        partition.entries[record.offset] = self._judge(record)

    def find(self, place: Place) -> Entry | None:
        """Returns the record at `place`, None when Kafka holds none there."""
        partition = self.partitions.get((place.topic, place.partition))
        return None if partition is None else partition.entries.get(place.offset)

    def reach(self, place: Place) -> Reach:
        """Returns whether the check reaches `place`, or why not."""
        partition = self.partitions.get((place.topic, place.partition))
        if partition is None:
            topics = {topic for topic, _ in self.partitions}
            return Reach.NOWHERE if place.topic in topics else Reach.OTHER_TOPIC
        if place.offset < partition.range.start:
            return Reach.EXPIRED
        return Reach.CHECKED if place.offset < partition.range.end else Reach.NEWER

    def entries(self) -> Iterator[Entry]:
        """Yields every record, partition by partition."""
        for partition in self.partitions.values():
            yield from partition.entries.values()

    def copies_by_id(self) -> dict[str, list[Entry]]:
        """Returns the valid records on time, those of one id together."""
        copies: dict[str, list[Entry]] = {}
        for entry in self.entries():
            if entry.decided is None and isinstance(entry.content, Transaction):
                copies.setdefault(entry.content.transaction_id, []).append(entry)
        return copies

    def _judge(self, record: KafkaRecord) -> Entry:
        try:
            transaction = wire_format.decode(record)
            self._rules.check(transaction)
        except Rejected as rejected:
            place = Place(record.topic, record.partition, record.offset)
            reason = rejected.reason.value
            invalid = Invalid(place, record.broker_time_us, record.key, record.payload, reason)
            return Entry(invalid, Outcome.INVALID)
        late = is_late(transaction, self.limits.allowed_lateness_us)
        return Entry(transaction, Outcome.LATE if late else None)
