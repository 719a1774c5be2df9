"""Compares green's decisions with blue's, record by record, from where green began."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from google.cloud import bigquery

from operations import bigquery_client
from operations.rollout.ranges import Partition
from operations.rollout.views import bucket_of
from transforms.payment.outcome import Outcome
from transforms.payment.tables import DEAD_LETTERS, OUTCOME_TABLES

# What a row says, besides its verdict: all that a reader could add up.
_PAYMENT = "transaction_id, account_id, merchant_id, currency, CAST(amount_minor AS STRING)"
_RECORDS = """
SELECT
  '{outcome}' AS outcome,
  kafka_topic,
  kafka_partition,
  kafka_offset,
  {bucket} AS bucket,
  {id} AS id,
  TO_JSON_STRING([{content}]) AS content
FROM `{dataset}.{table}` AS row_"""
_COMPARISON = """
WITH spans AS ({spans}),
blue AS ({blue}),
green AS ({green}),
paired AS (
  SELECT
    COALESCE(blue.place, green.place) AS place,
    COALESCE(blue.compared, green.compared) AS compared,
    COALESCE(blue.id, green.id) AS id,
    blue.outcome AS blue_outcome,
    green.outcome AS green_outcome,
    blue.content = green.content AS alike,
    COALESCE(blue.copies, 1) - 1 + COALESCE(green.copies, 1) - 1 AS doubled,
    blue.bucket != green.bucket AS parted
  FROM blue
  FULL JOIN green ON green.place = blue.place
),
reordered AS (
  SELECT id
  FROM paired
  WHERE alike AND blue_outcome != green_outcome
  GROUP BY id
  HAVING {same_counts}
),
unsettled AS (
  SELECT id
  FROM paired
  GROUP BY id
  HAVING COUNTIF(NOT compared AND (blue_outcome IS NULL OR green_outcome IS NULL)) > 0
    OR COUNTIF(blue_outcome = '{accepted}') != COUNTIF(green_outcome = '{accepted}')
)
SELECT
  blue_outcome,
  green_outcome,
  alike,
  reordered.id IS NOT NULL AS other_copy_first,
  COUNTIF(
    alike
    AND unsettled.id IS NOT NULL
    AND blue_outcome IN ({by_order})
    AND green_outcome IN ({by_order})
  ) AS unsettled,
  COUNT(*) AS records,
  SUM(doubled) AS doubled,
  COUNTIF(parted) AS parted,
  MIN(place) AS example
FROM paired
LEFT JOIN reordered ON reordered.id = paired.id
LEFT JOIN unsettled ON unsettled.id = paired.id
WHERE compared
GROUP BY blue_outcome, green_outcome, alike, other_copy_first
ORDER BY records DESC
"""
# Of copies that came at once through two partitions either may be the first: an id that was
# accepted as often in both, and whose other copies ended alike, was counted alike. A copy may have
# come after the records that are compared, so all that came later is read too. Until both have
# flushed it nobody knows whether the id was counted alike: it is unsettled.
_BY_ORDER = (Outcome.ACCEPTED, Outcome.DUPLICATE, Outcome.CONFLICT)
_SAME_COUNTS = " AND ".join(
    f"COUNTIF(blue_outcome = '{outcome.value}') = COUNTIF(green_outcome = '{outcome.value}')"
    for outcome in _BY_ORDER
)
_SIDE = """
SELECT
  CONCAT(kafka_topic, '[', CAST(kafka_partition AS STRING), '] ', CAST(kafka_offset AS STRING))
    AS place,
  MIN(outcome) AS outcome,
  MIN(content) AS content,
  MIN(id) AS id,
  MIN(bucket) AS bucket,
  kafka_offset < MIN(spans.end_offset) AS compared,
  COUNT(*) AS copies
FROM ({records}) AS records
JOIN spans ON spans.topic = kafka_topic AND spans.number = kafka_partition
WHERE kafka_offset >= spans.start_offset
GROUP BY kafka_topic, kafka_partition, kafka_offset
"""


class Difference(NamedTuple):
    """Records that end one way in blue and another way in green."""

    blue: str  # an outcome; the same as green's when only what the row says differs
    green: str
    records: int
    example: str  # topic[partition] offset


class Comparison(NamedTuple):
    """How green has counted the records that blue has counted too.

    Attributes:
        alike: records with the same verdict and content in both.
        reordered: records of ids of which green accepted another copy than blue, and as many.
        lost: records of blue that are missing from green.
        invented: records of green that are missing from blue.
        doubled: rows too many, in either.
        differing: records that both have, with another verdict or content.
        parted: records that lie in another bucket in green than in blue: with some buckets read
            from each they would be read twice or never.
        unsettled: how many of the differing may still turn out to be reordered, once both have
            flushed the other copies of their ids.
    """

    alike: int
    reordered: int
    lost: int
    invented: int
    doubled: int
    differing: tuple[Difference, ...]
    parted: int
    unsettled: int

    @property
    def complete(self) -> bool:
        """Returns whether both hold the same records, each once."""
        return not (self.lost or self.invented or self.doubled)


def cuts(client: bigquery.Client, dataset: str) -> dict[Partition, int]:
    """Returns the first offset that the dataset holds of each partition."""
    rows = bigquery_client.rows(
        client,
        "SELECT kafka_topic, kafka_partition, MIN(kafka_offset) "
        f"FROM ({_records(dataset)}) GROUP BY kafka_topic, kafka_partition",
    )
    return {(topic, number): offset for topic, number, offset in rows}


def compare(
    client: bigquery.Client, blue: str, green: str, spans: Mapping[Partition, tuple[int, int]]
) -> Comparison:
    """Compares two datasets over ranges of offsets (start inclusive, end exclusive).

    Raises:
        google.api_core.exceptions.GoogleAPICallError: BigQuery refused.
    """
    return _summed(bigquery_client.rows(client, comparison_sql(blue, green, spans)))


def comparison_sql(blue: str, green: str, spans: Mapping[Partition, tuple[int, int]]) -> str:
    """Returns the query that pairs the records of two datasets, and counts the pairs."""
    listed = " UNION ALL ".join(
        f"SELECT '{topic}' AS topic, {number} AS number, {start} AS start_offset, "
        f"{end} AS end_offset"
        for (topic, number), (start, end) in spans.items()
    )
    return _COMPARISON.format(
        spans=listed,
        same_counts=_SAME_COUNTS,
        accepted=Outcome.ACCEPTED.value,
        by_order=", ".join(f"'{outcome.value}'" for outcome in _BY_ORDER),
        blue=_SIDE.format(records=_records(blue)),
        green=_SIDE.format(records=_records(green)),
    )


def _summed(rows: Iterable[Sequence[Any]]) -> Comparison:
    alike = reordered = lost = invented = doubled = parted = unsettled = 0
    differing = []
    for blue, green, same, other_first, may_settle, records, too_many, elsewhere, example in rows:
        doubled += too_many
        parted += elsewhere
        if green is None:
            lost += records
        elif blue is None:
            invented += records
        elif blue == green and same:
            alike += records
        elif same and other_first:
            reordered += records
        else:
            differing.append(Difference(blue, green, records, example))
            unsettled += may_settle
    return Comparison(
        alike, reordered, lost, invented, doubled, tuple(differing), parted, unsettled
    )


def _records(dataset: str) -> str:
    """Returns the query that gives every record of a dataset, with its outcome."""
    return " UNION ALL ".join(
        _RECORDS.format(
            outcome=table.outcome.value,
            bucket=bucket_of(table),
            id="CAST(NULL AS STRING)" if table == DEAD_LETTERS else "transaction_id",
            content="reason" if table == DEAD_LETTERS else _PAYMENT,
            dataset=dataset,
            table=table.name,
        )
        for table in OUTCOME_TABLES
    )
