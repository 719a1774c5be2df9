"""The queries of a report, in SQL that the stand-in takes as well."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence

from operations.reconcile import reach_sql
from operations.reconcile.truth import OffsetRange, Reach
from transforms.payment.tables import (
    CONFLICTS,
    DEAD_LETTERS,
    DUPLICATES,
    FRAUD_INDICATORS,
    OUTCOME_TABLES,
    RECONCILIATIONS,
    SKIPPED_RECORDS,
    TRANSACTIONS,
    OutcomeTable,
    Table,
)

# A page is for a person; what is beyond is counted, and `payments tables show` has it.
LISTED_MAX = 200
TOP_MAX = 10
# Upper ends of the classes of lateness, milliseconds, as the view lateness_distribution has them.
LATENESS_MS = (0, 1_000, 10_000, 60_000, 600_000, 3_600_000, 86_400_000)
_PLACE = "kafka_topic, kafka_partition, kafka_offset"
_REPLAYED = "replay_of_topic, replay_of_partition, replay_of_offset"
_HOURS_MAX = 72


@dataclasses.dataclass(frozen=True)
class Chosen:
    """Which rows a report is about.

    Attributes:
        dataset: PROJECT.DATASET.
        topics: checked names (flag_types.topics): SQL may quote them as they are.
        ranges: the offsets that Kafka names for the range of time; None where it is not asked, and
            the arrival in the row decides.
        since_us, until_us: first arrival of the range, and first one after it.
    """

    dataset: str
    topics: Sequence[str]
    ranges: Sequence[OffsetRange] | None
    since_us: int
    until_us: int

    @property
    def bucket(self) -> str:
        """Returns what is counted together: an hour, or a day of a long range."""
        hours = (self.until_us - self.since_us) / 3_600e6
        return "HOUR" if hours <= _HOURS_MAX else "DAY"

    @property
    def rows(self) -> str:
        """Returns the condition: with Kafka's offsets, that of `payments reconcile`."""
        if self.ranges is not None:
            reached = f"'{Reach.CHECKED.value}', '{Reach.NOWHERE.value}'"
            return f"{reach_sql.of_row(self.ranges)} IN ({reached})"
        return f"kafka_topic IN ({', '.join(map(repr, self.topics))}) AND {self._arrived}"

    @property
    def expired(self) -> str:
        """Returns the condition of rows of the time whose records Kafka does not hold."""
        assert self.ranges is not None, "Kafka must have been asked"
        return f"{reach_sql.of_row(self.ranges)} = '{Reach.EXPIRED.value}' AND {self._arrived}"

    @property
    def skipped_ranges(self) -> str:
        """Returns the condition of ranges of skipped records, as `rows` for rows."""
        if self.ranges is not None:
            reached = f"'{Reach.CHECKED.value}', '{Reach.NOWHERE.value}'"
            return f"{reach_sql.of_range(self.ranges)} IN ({reached})"
        return self.rows

    @property
    def expired_ranges(self) -> str:
        """Returns the condition of ranges whose records Kafka does not hold."""
        assert self.ranges is not None, "Kafka must have been asked"
        return f"{reach_sql.of_range(self.ranges)} = '{Reach.EXPIRED.value}' AND {self._arrived}"

    def name(self, table: Table) -> str:
        """Returns a table's name, quoted."""
        return f"`{self.dataset}.{table.name}`"

    @property
    def _arrived(self) -> str:
        return (
            f"broker_time >= TIMESTAMP_MICROS({self.since_us}) "
            f"AND broker_time < TIMESTAMP_MICROS({self.until_us})"
        )


def counts(chosen: Chosen) -> str:
    """Counts and sums by outcome, partition, currency and hour."""

    def select(table: OutcomeTable) -> str:
        has_amount = "amount" in table.column_names
        nothing = "CAST(NULL AS STRING) AS currency, CAST(NULL AS NUMERIC) AS amount"
        money = "currency, amount" if has_amount else nothing
        return (
            f"SELECT '{table.outcome.value}' AS outcome, kafka_topic, kafka_partition, {money}, "
            f"UNIX_MICROS(TIMESTAMP_TRUNC(broker_time, {chosen.bucket})) AS bucket_us "
            f"FROM {chosen.name(table)} WHERE {chosen.rows}"
        )

    return (
        "SELECT outcome, kafka_topic, kafka_partition, currency, bucket_us, COUNT(*), "
        f"CAST(SUM(amount) AS STRING) FROM ({_union(select)}) "
        "GROUP BY outcome, kafka_topic, kafka_partition, currency, bucket_us"
    )


def offsets(chosen: Chosen) -> str:
    """The offsets that the tables hold, as runs of neighbours, in their order."""
    held = f"SELECT DISTINCT {_PLACE} FROM ({_places(chosen)})"
    numbered = (
        f"SELECT {_PLACE}, kafka_offset - ROW_NUMBER() OVER ("
        "PARTITION BY kafka_topic, kafka_partition ORDER BY kafka_offset"
        f") AS island FROM ({held})"
    )
    return (
        "SELECT kafka_topic, kafka_partition, MIN(kafka_offset), MAX(kafka_offset) "
        f"FROM ({numbered}) GROUP BY kafka_topic, kafka_partition, island ORDER BY 1, 2, 3"
    )


def surplus(chosen: Chosen) -> str:
    """Offsets that have more than one row, with how many of each outcome."""
    again = (
        f"SELECT {_PLACE}, outcome FROM ({_places(chosen)}) WHERE TRUE "
        f"QUALIFY COUNT(*) OVER (PARTITION BY {_PLACE}) > 1"
    )
    return (
        f"SELECT {_PLACE}, outcome, COUNT(*) FROM ({again}) "
        f"GROUP BY {_PLACE}, outcome ORDER BY 1, 2, 3, 4 LIMIT {LISTED_MAX}"
    )


def twice(chosen: Chosen) -> str:
    """Every accepted row of an id that has more than one, in the whole history."""
    return (
        f"SELECT transaction_id, UNIX_MICROS(broker_time), {_PLACE} "
        f"FROM {chosen.name(TRANSACTIONS)} WHERE TRUE "
        "QUALIFY COUNT(*) OVER (PARTITION BY transaction_id) > 1 ORDER BY 1, 2, 3, 4, 5"
    )


def conflicts(chosen: Chosen) -> str:
    """The conflicts beside what they contradict, the first LISTED_MAX."""
    both = ("amount", "currency", "account_id", "merchant_id", "event_time")
    sides = ", ".join(
        f"{_text(f'{side}.{name}', name)}" for side in ("other", "paid") for name in both
    )
    return (
        f"SELECT other.transaction_id, other.broker_time, other.kafka_topic, "
        "other.kafka_partition, other.kafka_offset, other.first_topic, other.first_partition, "
        f"other.first_offset, {sides} "
        f"FROM (SELECT * FROM {chosen.name(CONFLICTS)} WHERE {chosen.rows}) AS other "
        f"LEFT JOIN {chosen.name(TRANSACTIONS)} AS paid "
        "ON paid.transaction_id = other.transaction_id AND paid.kafka_topic = other.first_topic "
        "AND paid.kafka_partition = other.first_partition "
        "AND paid.kafka_offset = other.first_offset "
        f"ORDER BY other.broker_time, 3, 4, 5 LIMIT {LISTED_MAX}"
    )


def repeaters(chosen: Chosen) -> str:
    """Who repeats most. Records do not name their producer; the payee is nearest to it."""
    return (
        "SELECT merchant_id, COUNT(*), COUNT(DISTINCT transaction_id), "
        "MAX(TIMESTAMP_DIFF(broker_time, first_broker_time, SECOND)) "
        f"FROM {chosen.name(DUPLICATES)} WHERE {chosen.rows} "
        f"GROUP BY merchant_id ORDER BY 2 DESC, 1 LIMIT {TOP_MAX}"
    )


def lateness(chosen: Chosen) -> str:
    """How long after they happened payments arrived, a replay by its first arrival."""
    cases = " ".join(
        f"WHEN late_ms {'<' if limit == 0 else '<='} {limit} THEN {number}"
        for number, limit in enumerate(LATENESS_MS)
    )

    def select(table: OutcomeTable) -> str:
        return (
            f"SELECT '{table.outcome.value}' AS outcome, TIMESTAMP_DIFF("
            "COALESCE(original_time, broker_time), event_time, MILLISECOND) AS late_ms "
            f"FROM {chosen.name(table)} WHERE {chosen.rows}"
        )

    return (
        f"SELECT CASE {cases} ELSE {len(LATENESS_MS)} END AS class, outcome, COUNT(*), "
        f"MAX(late_ms) FROM ({_union(select, having='event_time')}) GROUP BY class, outcome"
    )


def reasons(chosen: Chosen) -> str:
    """The dead letters by reason, and how many of them were sent again since."""
    again = _union(
        lambda table: (
            f"SELECT {_REPLAYED} FROM {chosen.name(table)} WHERE replay_of_offset IS NOT NULL"
        ),
        having="replay_of_offset",
    )
    return (
        "SELECT letter.reason, letter.step, COUNT(*), COUNTIF(again.replay_of_offset IS NOT NULL), "
        "MIN(letter.broker_time), MAX(letter.broker_time), MAX(letter.detail) "
        f"FROM (SELECT * FROM {chosen.name(DEAD_LETTERS)} WHERE {chosen.rows}) AS letter "
        f"LEFT JOIN (SELECT DISTINCT {_REPLAYED} FROM ({again})) AS again "
        "ON again.replay_of_topic = letter.kafka_topic "
        "AND again.replay_of_partition = letter.kafka_partition "
        "AND again.replay_of_offset = letter.kafka_offset "
        "GROUP BY letter.reason, letter.step ORDER BY 3 DESC, 1, 2"
    )


def indicators(chosen: Chosen) -> str:
    """The fraud indicators that payments of the range have raised."""
    return (
        "SELECT indicator, COUNT(*), COUNT(DISTINCT account_id) "
        f"FROM {chosen.name(FRAUD_INDICATORS)} WHERE {chosen.rows} "
        "GROUP BY indicator ORDER BY 2 DESC, 1"
    )


def accounts(chosen: Chosen) -> str:
    """The accounts that have raised most."""
    return (
        "SELECT account_id, COUNT(*), COUNT(DISTINCT indicator) "
        f"FROM {chosen.name(FRAUD_INDICATORS)} WHERE {chosen.rows} "
        f"GROUP BY account_id ORDER BY 2 DESC, 1 LIMIT {TOP_MAX}"
    )


def verdicts(chosen: Chosen) -> str:
    """The reconciliations since the range began, the newest first."""
    return (
        "SELECT finished_at, verdict, scope, ranges, `read`, missing, `double`, unknown, "
        f"checked_by, problems FROM {chosen.name(RECONCILIATIONS)} "
        f"WHERE started_at >= TIMESTAMP_MICROS({chosen.since_us}) "
        f"ORDER BY started_at DESC LIMIT {LISTED_MAX}"
    )


def expired(chosen: Chosen) -> str:
    """How many rows of the time are of records that Kafka does not hold."""
    inner = _union(
        lambda table: f"SELECT 1 AS one FROM {chosen.name(table)} WHERE {chosen.expired}"
    )
    skipped = (
        f"SELECT COALESCE(SUM(record_count), 0) FROM {chosen.name(SKIPPED_RECORDS)} "
        f"WHERE {chosen.expired_ranges}"
    )
    return f"SELECT (SELECT COUNT(*) FROM ({inner})) + ({skipped})"


def skipped(chosen: Chosen) -> str:
    """The ranges of records that the contract has skipped."""
    return (
        "SELECT kafka_topic, kafka_partition, first_offset, last_offset, rule, record_count, "
        f"UNIX_MICROS(TIMESTAMP_TRUNC(broker_time, {chosen.bucket})) "
        f"FROM {chosen.name(SKIPPED_RECORDS)} WHERE {chosen.skipped_ranges}"
    )


def _places(chosen: Chosen) -> str:
    return _union(
        lambda table: (
            f"SELECT '{table.outcome.value}' AS outcome, {_PLACE} "
            f"FROM {chosen.name(table)} WHERE {chosen.rows}"
        )
    )


def _union(select: Callable[[OutcomeTable], str], having: str = "kafka_offset") -> str:
    """Returns the selects of all outcome tables that have a column."""
    tables: Iterable[OutcomeTable] = OUTCOME_TABLES
    return " UNION ALL ".join(select(table) for table in tables if having in table.column_names)


def _text(expression: str, name: str) -> str:
    return f"CAST({expression} AS STRING)" if name == "amount" else expression
