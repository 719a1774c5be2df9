"""Does green count as blue does? Record by record, from where green began."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from google.cloud import bigquery

from pipeline import clients
from pipeline.rollout.ranges import Partition
from pipeline.rollout.views import bucket_of
from transforms.contract.table_schema import DEAD_LETTERS, OUTCOME_TABLES

# What a row says, besides its verdict: all that a reader could add up.
_PAYMENT = "transaction_id, account_id, merchant_id, currency, CAST(amount_minor AS STRING)"
_RECORDS = """
SELECT
  '{outcome}' AS outcome,
  kafka_topic,
  kafka_partition,
  kafka_offset,
  {bucket} AS bucket,
  TO_JSON_STRING([{content}]) AS content
FROM `{dataset}.{table}` AS row_"""
_COMPARISON = """
WITH spans AS ({spans}),
blue AS ({blue}),
green AS ({green})
SELECT
  blue.outcome AS blue_outcome,
  green.outcome AS green_outcome,
  blue.content = green.content AS alike,
  COUNT(*) AS records,
  SUM(COALESCE(blue.copies, 1) - 1 + COALESCE(green.copies, 1) - 1) AS doubled,
  COUNTIF(blue.bucket != green.bucket) AS parted,
  MIN(COALESCE(blue.place, green.place)) AS example
FROM blue
FULL JOIN green ON green.place = blue.place
GROUP BY blue_outcome, green_outcome, alike
ORDER BY records DESC
"""
_SIDE = """
SELECT
  CONCAT(kafka_topic, '[', CAST(kafka_partition AS STRING), '] ', CAST(kafka_offset AS STRING))
    AS place,
  MIN(outcome) AS outcome,
  MIN(content) AS content,
  MIN(bucket) AS bucket,
  COUNT(*) AS copies
FROM ({records}) AS records
JOIN spans ON spans.topic = kafka_topic AND spans.number = kafka_partition
WHERE kafka_offset >= spans.start_offset AND kafka_offset < spans.end_offset
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
        lost: records that blue has and green lacks.
        invented: records that green has and blue lacks.
        doubled: rows too many, in either.
        differing: records that both have, with another verdict or content.
        parted: records that lie in another bucket in green than in blue: with some buckets read
            from each they would be read twice or never.
    """

    alike: int
    lost: int
    invented: int
    doubled: int
    differing: tuple[Difference, ...]
    parted: int

    @property
    def complete(self) -> bool:
        """Returns whether both hold the same records, each once."""
        return not (self.lost or self.invented or self.doubled)


def cuts(client: bigquery.Client, dataset: str) -> dict[Partition, int]:
    """Returns the first offset that the dataset holds of each partition."""
    rows = clients.bigquery_rows(
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
    return _summed(clients.bigquery_rows(client, comparison_sql(blue, green, spans)))


def comparison_sql(blue: str, green: str, spans: Mapping[Partition, tuple[int, int]]) -> str:
    """Returns the query that pairs the records of two datasets, and counts the pairs."""
    listed = " UNION ALL ".join(
        f"SELECT '{topic}' AS topic, {number} AS number, {start} AS start_offset, "
        f"{end} AS end_offset"
        for (topic, number), (start, end) in spans.items()
    )
    return _COMPARISON.format(
        spans=listed,
        blue=_SIDE.format(records=_records(blue)),
        green=_SIDE.format(records=_records(green)),
    )


def _summed(rows: Iterable[Sequence[Any]]) -> Comparison:
    alike = lost = invented = doubled = parted = 0
    differing = []
    for blue, green, same, records, too_many, elsewhere, example in rows:
        doubled += too_many
        parted += elsewhere
        if green is None:
            lost += records
        elif blue is None:
            invented += records
        elif blue == green and same:
            alike += records
        else:
            differing.append(Difference(blue, green, records, example))
    return Comparison(alike, lost, invented, doubled, tuple(differing), parted)


def _records(dataset: str) -> str:
    """Returns the query that gives every record of a dataset, with its outcome."""
    return " UNION ALL ".join(
        _RECORDS.format(
            outcome=table.outcome.value,
            bucket=bucket_of(table),
            content="reason" if table == DEAD_LETTERS else _PAYMENT,
            dataset=dataset,
            table=table.name,
        )
        for table in OUTCOME_TABLES
    )
