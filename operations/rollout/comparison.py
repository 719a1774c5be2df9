"""Compares green's decisions with blue's, record by record, from where green began."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from google.cloud import bigquery

from operations import bigquery_client
from operations.rollout import skipped
from operations.rollout.ranges import Partition
from operations.rollout.skipped import SkippedCounts
from operations.rollout.views import bucket_of
from transforms.payment.outcome import Outcome
from transforms.payment.tables import DEAD_LETTERS, OUTCOME_TABLES, SKIPPED_RECORDS

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
ranges AS ({ranges}),
rows_ AS (
  SELECT
    COALESCE(blue.place, green.place) AS place,
    COALESCE(blue.topic, green.topic) AS topic,
    COALESCE(blue.number, green.number) AS number,
    COALESCE(blue.offset_, green.offset_) AS offset_,
    COALESCE(blue.compared, green.compared) AS compared,
    COALESCE(blue.id, green.id) AS id,
    blue.outcome AS blue_outcome,
    green.outcome AS green_outcome,
    blue.content = green.content AS alike,
    COALESCE(blue.copies, 1) - 1 + COALESCE(green.copies, 1) - 1 AS doubled,
    blue.bucket AS blue_bucket,
    green.bucket AS green_bucket
  FROM blue
  FULL JOIN green ON green.place = blue.place
),
spanned AS (
  SELECT DISTINCT rows_.place
  FROM rows_
  JOIN ranges ON ranges.topic = rows_.topic AND ranges.number = rows_.number
    AND ranges.in_blue = (rows_.blue_outcome IS NULL)
    AND ranges.first_offset <= rows_.offset_ AND ranges.last_offset >= rows_.offset_
  WHERE rows_.blue_outcome IS NULL OR rows_.green_outcome IS NULL
),
paired AS (
  SELECT
    rows_.place,
    topic,
    number,
    compared,
    id,
    COALESCE(blue_outcome, IF(spanned.place IS NULL, NULL, '{skipped}')) AS blue_outcome,
    COALESCE(green_outcome, IF(spanned.place IS NULL, NULL, '{skipped}')) AS green_outcome,
    alike,
    doubled,
    COALESCE(blue_bucket, IF(spanned.place IS NULL, NULL, {nameless}))
      != COALESCE(green_bucket, IF(spanned.place IS NULL, NULL, {nameless})) AS parted
  FROM rows_
  LEFT JOIN spanned ON spanned.place = rows_.place
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
  topic,
  number,
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
GROUP BY topic, number, blue_outcome, green_outcome, alike, other_copy_first
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
  kafka_topic AS topic,
  kafka_partition AS number,
  kafka_offset AS offset_,
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
        skipped: records that both skip, however their ranges are cut; at most, where ranges reach
            beyond what is compared.
    """

    alike: int
    reordered: int
    lost: int
    invented: int
    doubled: int
    differing: tuple[Difference, ...]
    parted: int
    unsettled: int
    skipped: int = 0

    @property
    def complete(self) -> bool:
        """Returns whether both hold the same records, each once."""
        return not (self.lost or self.invented or self.doubled)


def cuts(client: bigquery.Client, dataset: str) -> dict[Partition, int]:
    """Returns the first offset that the dataset holds of each partition."""
    rows = bigquery_client.rows(
        client,
        "SELECT kafka_topic, kafka_partition, MIN(kafka_offset) FROM ("
        f"SELECT kafka_topic, kafka_partition, kafka_offset FROM ({_records(dataset)}) "
        "UNION ALL SELECT kafka_topic, kafka_partition, first_offset AS kafka_offset "
        f"FROM `{dataset}.{SKIPPED_RECORDS.name}`"
        ") GROUP BY kafka_topic, kafka_partition",
    )
    return {(topic, number): offset for topic, number, offset in rows}


def compare(
    client: bigquery.Client, blue: str, green: str, spans: Mapping[Partition, tuple[int, int]]
) -> Comparison:
    """Compares two datasets over ranges of offsets (start inclusive, end exclusive).

    Raises:
        google.api_core.exceptions.GoogleAPICallError: BigQuery refused.
    """
    counts = SkippedCounts.of(bigquery_client.rows(client, skipped.sql(blue, green, spans)))
    return _summed(bigquery_client.rows(client, comparison_sql(blue, green, spans)), counts)


def comparison_sql(blue: str, green: str, spans: Mapping[Partition, tuple[int, int]]) -> str:
    """Returns the query that pairs the records of two datasets, and counts the pairs."""
    return _COMPARISON.format(
        spans=skipped.listed(spans),
        ranges=skipped.ranges(blue, green),
        skipped=Outcome.SKIPPED.value,
        nameless=bucket_of(SKIPPED_RECORDS),
        same_counts=_SAME_COUNTS,
        accepted=Outcome.ACCEPTED.value,
        by_order=", ".join(f"'{outcome.value}'" for outcome in _BY_ORDER),
        blue=_SIDE.format(records=_records(blue)),
        green=_SIDE.format(records=_records(green)),
    )


def _summed(rows: Iterable[Sequence[Any]], counts: SkippedCounts) -> Comparison:
    alike = reordered = lost = invented = doubled = parted = unsettled = 0
    differing: dict[tuple[str, str, bool], Difference] = {}
    # Of each partition, the records that one side alone has skipped.
    by_blue: Counter[Partition] = Counter()
    by_green: Counter[Partition] = Counter()
    for topic, number, blue, green, same, other_first, *sums, example in rows:
        may_settle, records, too_many, elsewhere = sums
        by_blue[topic, number] += records if blue == Outcome.SKIPPED.value else 0
        by_green[topic, number] += records if green == Outcome.SKIPPED.value else 0
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
            known = differing.get((blue, green, bool(same)), Difference(blue, green, 0, example))
            told = Difference(blue, green, known.records + records, min(known.example, example))
            differing[blue, green, bool(same)] = told
            unsettled += may_settle
    both = 0
    for found in counts.each_without(by_blue, by_green):
        both += found.by_both
        lost += found.lost
        invented += found.invented
    most_first = sorted(differing.values(), key=lambda each: -each.records)
    return Comparison(
        alike, reordered, lost, invented, doubled, tuple(most_first), parted, unsettled, both
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
