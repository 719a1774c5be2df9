"""The views that readers use: named as the tables, each record from the dataset in force."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from transforms.payment.tables import (
    DEAD_LETTERS,
    SKIPPED_RECORDS,
    TOTALS_BY_MINUTE,
    TRANSACTIONS,
    Table,
)

# Which ranges are in force: those decided last. One INSERT adds them all, so that every view
# changes at once, for every reader.
SERVING = "serving"

# Counted anew: a job's panes tell of whole minutes, and a minute may have payments of two jobs.
_TOTALS = """SELECT
  TIMESTAMP_TRUNC(event_time, MINUTE) AS window_start,
  TIMESTAMP_ADD(TIMESTAMP_TRUNC(event_time, MINUTE), INTERVAL 1 MINUTE) AS window_end,
  currency,
  COUNT(*) AS payment_count,
  SUM(amount) AS amount,
  'on_time' AS pane_timing,
  0 AS pane_index,
  'served' AS run_id,
  MAX(ingested_at) AS ingested_at,
  MAX(pipeline_version) AS pipeline_version
FROM
  `{live}.{transactions}`
GROUP BY
  window_start, window_end, currency"""

_PART = """SELECT
  {columns}
FROM
  `{dataset}.{table}` AS row_
JOIN
  `{live}.{serving}` AS served
ON
  served.kafka_topic = row_.kafka_topic
  AND served.kafka_partition = row_.kafka_partition
WHERE
  served.dataset = '{dataset}'
  AND served.decided_at = (SELECT MAX(decided_at) FROM `{live}.{serving}`)
  AND row_.{offset} >= served.start_offset
  AND row_.{offset} < served.end_offset
  AND {bucket} >= served.first_bucket
  AND {bucket} < served.last_bucket"""

# A record rejected by one version may be accepted by the next: it must be in one bucket, whatever
# became of it. So the id of a dead letter is looked for in what the producer sent.
_ID_IN_PAYLOAD = (
    "IFNULL(REGEXP_EXTRACT(SAFE_CONVERT_BYTES_TO_STRING(row_.payload), "
    """r'"transaction_id"\\s*:\\s*"([^"]*)"'), '')"""
)


def view_of(table: Table, live: str, columns_in: Mapping[str, Sequence[str]]) -> str:
    """Returns the query of the view that stands for a table.

    Args:
        live: PROJECT.DATASET of the views.
        columns_in: names of the columns that the table has in each dataset (PROJECT.DATASET);
            those missing from an older version's are null.
    """
    if table == TOTALS_BY_MINUTE:
        return _TOTALS.format(live=live, transactions=TRANSACTIONS.name)
    return "\nUNION ALL\n".join(
        _PART.format(
            columns=",\n  ".join(_columns(table, present)),
            dataset=dataset,
            table=table.name,
            live=live,
            serving=SERVING,
            bucket=bucket_of(table),
            # A range that begins before a cut is shown whole, of the dataset before it.
            offset="first_offset" if table == SKIPPED_RECORDS else "kafka_offset",
        )
        for dataset, present in columns_in.items()
    )


def bucket_of(table: Table) -> str:
    """Returns the SQL of a record's bucket, as `bucket_text` has it, for a row called row_."""
    if table == SKIPPED_RECORDS:
        name = "''"  # as a dead letter without an id
    else:
        name = _ID_IN_PAYLOAD if table == DEAD_LETTERS else "row_.transaction_id"
    return f"CONCAT('0', SUBSTR(TO_HEX(MD5({name})), 1, 2))"


def bucket_text(number: int) -> str:
    """Returns a bucket, 0 to 256, as text that sorts as the numbers do."""
    return f"{number:03x}"


def _columns(table: Table, present: Sequence[str]) -> list[str]:
    return [
        f"row_.`{column.name}`"
        if column.name in present
        else f"CAST(NULL AS {column.type}) AS `{column.name}`"
        for column in table.columns
    ]
