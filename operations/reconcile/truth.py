"""The truth in Kafka: every record of the checked ranges, judged from Kafka alone."""

from __future__ import annotations

import dataclasses
import enum
import functools
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from operations.contract_decoder import decoder_of
from operations.reconcile.added_columns import AddedColumns
from operations.reconcile.plain_values import digest, plain_transaction, transaction_of
from operations.reconcile.sorted_runs import SortedRuns
from transforms.codecs.contract import shipped
from transforms.codecs.contract.decoder import Decoder
from transforms.codecs.contract.language import Contract
from transforms.payment.arrival import BY_BROKER, Arrival
from transforms.payment.dead_letter import Rejected, kept, kept_headers_of
from transforms.payment.outcome import Outcome
from transforms.payment.rules import Rules, is_late
from transforms.payment.transaction import KafkaRecord, Transaction

if TYPE_CHECKING:  # Google's client, which nobody needs who only asks for help
    from operations.runs import limits

Partition = tuple[str, int]  # topic, partition
# Number of the partition in the check, offset: sorts as places do, and is small.
PlaceKey = tuple[int, int]


class Place(NamedTuple):
    """Where a record is in Kafka."""

    topic: str
    partition: int
    offset: int

    @classmethod
    def of(cls, it: Any) -> Place:
        """Returns the place of a record, of a dead letter, or of what a replay names."""
        return cls(it.topic, it.partition, it.offset)

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}]@{self.offset}"


class OffsetRange(NamedTuple):
    """The part of one partition that is checked: `start` inclusive, `end` exclusive."""

    topic: str
    partition: int
    start: int
    end: int


class Reach(enum.Enum):
    """Where a place lies, seen from the ranges that are checked."""

    CHECKED = "checked"
    EXPIRED = "expired"  # below the range: as a rule, of the earliest record that Kafka still holds
    NEWER = "newer"  # behind the end of the check
    OTHER_TOPIC = "other topic"  # not asked about
    NOWHERE = "nowhere"  # no such partition


class Invalid(NamedTuple):
    """A record that cannot be counted. Key and payload may be large: their digests stand for them.

    Attributes:
        key: digest of the key.
        kept_key: digest of as much of it as a dead letter holds.
        kept_payload: digest of as much of the payload as a dead letter holds.
        kept_headers: digest of the headers as a dead letter holds them.
    """

    place: Place
    broker_time_us: int
    key: bytes | None
    kept_key: bytes | None
    kept_payload: bytes | None
    kept_headers: bytes | None
    reason: str


class Skipped(NamedTuple):
    """A record that is not the payment, as the contract says."""

    place: Place
    broker_time_us: int
    rule: str


Content = Transaction | Invalid | Skipped


@dataclasses.dataclass(frozen=True)
class Limits:
    """The limits that the pipeline ran with.

    Attributes:
        clock_skew_us: how far ahead a producer's clock may be, microseconds.
        allowed_lateness_us: how late a record may arrive, microseconds.
        arrival: whose times records carry, and how far apart those can be.
        contract: what it took the bytes of a record for.
        compares_columns: whether those that the contract adds are compared. A row of a time before
            a column was added has none of it.
    """

    clock_skew_us: int = 300_000_000
    allowed_lateness_us: int = 3_600_000_000
    arrival: Arrival = BY_BROKER
    contract: Contract = dataclasses.field(default_factory=shipped.native)
    compares_columns: bool = True

    @classmethod
    def of(cls, found: limits.Limits) -> Limits:
        """Returns what the table `runs` says of the newest run."""
        return cls(
            clock_skew_us=found.clock_skew_sec * 1_000_000,
            allowed_lateness_us=found.allowed_lateness_sec * 1_000_000,
            arrival=found.arrival,
            contract=found.contract,
            compares_columns=not found.columns_changed,
        )

    @functools.cached_property
    def decoder(self) -> Decoder:
        """Returns what decodes by the contract, compiled once."""
        return decoder_of(self.contract)

    @functools.cached_property
    def added(self) -> AddedColumns:
        """Returns the columns that the contract adds, as far as they are compared."""
        return AddedColumns(self.contract if self.compares_columns else shipped.native())

    @property
    def rules(self) -> Rules:
        """Returns the rules that a payment must keep."""
        return self.contract.rules(self.clock_skew_us)

    @property
    def horizon_us(self) -> int:
        """Returns how long an id is remembered after its first arrival, microseconds."""
        return self.allowed_lateness_us + self.clock_skew_us + self.arrival.slack_us


class Entry(NamedTuple):
    """One record in Kafka.

    Attributes:
        content: what the record says.
        decided: INVALID, SKIPPED or LATE, which the record alone decides; None for a valid record
            on time, whose outcome depends on the other copies of its id.
    """

    place: Place
    content: Content
    decided: Outcome | None


@dataclasses.dataclass
class PartitionTruth:
    """What is checked of one partition, and how many records were read there.

    Markers of transactions and aborted records take offsets but are no records: gaps are normal.
    """

    range: OffsetRange
    records: int = 0
    forgotten: bool = False

    def forget_below(self, start: int) -> None:
        """Leaves out what expired while it was being read: nothing half known is compared."""
        if start > self.range.start:
            self.range = self.range._replace(start=start)
            self.forgotten = True


class Truth:
    """All checked partitions. The records are sorted on disk (sorted_runs.py)."""

    def __init__(self, ranges: Iterable[OffsetRange], limits: Limits) -> None:
        self.limits = limits
        self.partitions: dict[Partition, PartitionTruth] = {
            (checked.topic, checked.partition): PartitionTruth(checked) for checked in ranges
        }
        self._numbers = {pair: number for number, pair in enumerate(self.partitions)}
        self._pairs = list(self.partitions)
        self._topics = {topic for topic, _ in self.partitions}
        self._decoder, contract = limits.decoder, limits.contract
        self.fact_names = contract.fact_names
        self.headers = contract.headers
        self._rules, self._added = limits.rules, limits.added
        self._records: SortedRuns[PlaceKey] = SortedRuns()
        # First and last arrival, None of no records.
        self.arrivals_us: tuple[int, int] | None = None

    @property
    def ranges(self) -> list[OffsetRange]:
        """Returns what is checked, partition by partition."""
        return [partition.range for partition in self.partitions.values()]

    @property
    def records(self) -> int:
        """Returns how many records Kafka holds in the checked ranges."""
        if any(partition.forgotten for partition in self.partitions.values()):
            return sum(1 for _ in self._checked())
        return sum(partition.records for partition in self.partitions.values())

    def add(self, record: KafkaRecord) -> None:
        """Judges a record read from Kafka by the rules of the contract."""
        self.add_all([record])

    def add_all(self, records: Sequence[KafkaRecord]) -> None:
        """Judges records together, which is faster."""
        decoded = self._decoder.decode(records)
        for record, transaction in zip(decoded.records, decoded.transactions, strict=True):
            self._take(record, self._judge(record, transaction))
        for record, why in decoded.rejected:
            self._take(record, self._invalid(record, why))
        for record, rule in decoded.skipped:
            self._take(record, (record.broker_time_us, rule, Outcome.SKIPPED.value))

    def _take(self, record: KafkaRecord, judged: tuple[Any, ...]) -> None:
        pair = record.topic, record.partition
        self.partitions[pair].records += 1
        first_us, last_us = self.arrivals_us or (record.broker_time_us, record.broker_time_us)
        self.arrivals_us = (
            min(first_us, record.broker_time_us),
            max(last_us, record.broker_time_us),
        )
        self._records.add((self._numbers[pair], record.offset), judged)

    def key(self, place: Place) -> PlaceKey | None:
        """Returns what `place` is sorted by, None outside the checked partitions."""
        number = self._numbers.get((place.topic, place.partition))
        return None if number is None else (number, place.offset)

    def place(self, key: PlaceKey) -> Place:
        """Returns the place that a key stands for."""
        return Place(*self._pairs[key[0]], key[1])

    def reach(self, place: Place) -> Reach:
        """Returns whether the check reaches `place`, or why not."""
        partition = self.partitions.get((place.topic, place.partition))
        if partition is None:
            return Reach.NOWHERE if place.topic in self._topics else Reach.OTHER_TOPIC
        if place.offset < partition.range.start:
            return Reach.EXPIRED
        return Reach.CHECKED if place.offset < partition.range.end else Reach.NEWER

    def entries(self) -> Iterator[tuple[PlaceKey, Entry]]:
        """Yields every record, partition by partition, in the order of offsets."""
        for key, value in self._checked():
            yield key, self._entry(key, value)

    def close(self) -> None:
        """Gives back the disk."""
        self._records.close()

    def _checked(self) -> Iterator[tuple[PlaceKey, Any]]:
        starts = [partition.range.start for partition in self.partitions.values()]
        for key, value in self._records:
            if key[1] >= starts[key[0]]:
                yield key, value

    def _judge(self, record: KafkaRecord, transaction: Transaction) -> tuple[Any, ...]:
        try:
            self._rules.check(transaction)
        except Rejected as why:
            return self._invalid(record, why)
        late = is_late(transaction, self.limits.allowed_lateness_us)
        if transaction.extras is not None:
            extras = self._added.of_record(transaction.extras)
            transaction = transaction._replace(extras=extras)
        return late, plain_transaction(transaction)

    def _entry(self, key: PlaceKey, value: tuple[Any, ...]) -> Entry:
        place = self.place(key)
        if len(value) == 2:
            late, fields = value
            return Entry(place, transaction_of(fields), Outcome.LATE if late else None)
        if len(value) == 3:
            return Entry(place, Skipped(place, *value[:2]), Outcome.SKIPPED)
        return Entry(place, Invalid(place, *value), Outcome.INVALID)

    def _invalid(self, record: KafkaRecord, why: Rejected) -> tuple[Any, ...]:
        headers = kept_headers_of(record) if self.headers else None
        return (
            record.broker_time_us,
            digest(record.key),
            digest(kept(record.key)),
            digest(kept(record.payload)),
            digest(None if headers is None else headers.encode()),
            why.reason.value,
        )
