"""The question of a trace, and its answer."""

from __future__ import annotations

import dataclasses
import enum

from operations.reconcile.truth import Place
from operations.runs.run import Run
from operations.trace.row import Raised, Row, Total
from operations.trace.topic_side import Looked
from transforms.payment.outcome import Outcome
from transforms.payment.transaction import KafkaRecord


class State(enum.Enum):
    """What is known of a record that was asked for."""

    COUNTED = "counted"  # in a table, whatever its outcome
    SKIPPED = "skipped"  # in a range of a rule that says that it is not the payment
    WAITS_FOR_CHECKPOINT = "waits_for_checkpoint"  # in Kafka, in no table, and a job holds them
    WAITS_FOR_JOB = "waits_for_job"  # the same, and none that reads its topic does
    PASSED_OVER = "passed_over"  # the same, and the tables have what came long after it
    NOT_COMMITTED = "not_committed"  # behind an open transaction
    NO_RECORD = "no_record"  # Kafka has the offset, and no record there
    REMOVED = "removed"  # retention has removed it
    BEYOND = "beyond"  # the topic does not reach so far
    UNKNOWN = "unknown"  # nowhere
    NOT_ASKED = "not_asked"  # in no table, and Kafka does not answer

    @property
    def found(self) -> bool:
        """Returns whether the record is where it should be."""
        return self in _FOUND


_FOUND = {
    State.COUNTED,
    State.SKIPPED,
    State.WAITS_FOR_CHECKPOINT,
    State.WAITS_FOR_JOB,
    State.NOT_COMMITTED,
}


@dataclasses.dataclass(frozen=True)
class Asked:
    """What is to be found out.

    Attributes:
        target: an id, or a place.
        topics: those that are searched for an id.
        since_us: arrival before which nothing is looked at.
        records_max: of each partition of Kafka, for an id.
    """

    target: Place | str
    topics: tuple[str, ...]
    since_us: int
    records_max: int


@dataclasses.dataclass(frozen=True)
class Waiting:
    """A record of Kafka that no table has."""

    record: KafkaRecord
    state: State

    @property
    def place(self) -> Place:
        """Returns where it is."""
        return Place.of(self.record)


@dataclasses.dataclass(frozen=True)
class Trace:
    """What was found.

    Attributes:
        state: of what was asked for.
        rows: records that are counted, in the order of their arrival.
        waiting: records that are not.
        looked: what Kafka has at the place that was asked for.
        holder: the run that holds the tables, where something waits.
        left_out: offsets of Kafka that were not looked at.
        kafka_problem: why Kafka could not be asked.
        skipped_by: the rule of the contract that skips it.
    """

    asked: Asked
    state: State
    rows: tuple[Row, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    totals: tuple[Total, ...] = ()
    indicators: tuple[Raised, ...] = ()
    looked: Looked | None = None
    holder: Run | None = None
    left_out: int = 0
    kafka_problem: str | None = None
    skipped_by: str | None = None

    def accepted(self, row: Row) -> Row | None:
        """Returns the accepted record that a row copies or contradicts, where it was found."""
        return next((each for each in self.rows if each.place == row.first), None)

    def accepted_of(self, transaction_id: str | None) -> Row | None:
        """Returns the newest accepted record of an id."""
        if transaction_id is None:
            return None
        found = [
            row
            for row in self.rows
            if row.outcome is Outcome.ACCEPTED and row.transaction_id == transaction_id
        ]
        return found[-1] if found else None
