-- Generated from transforms/payment/tables.py by
-- `payments tables generate`: edit there.
CREATE TABLE IF NOT EXISTS `${dataset}.reconciliations`
(
  `reconciliation_id` STRING NOT NULL OPTIONS (description="Of this check."),
  `started_at` TIMESTAMP NOT NULL OPTIONS (description="When it began."),
  `finished_at` TIMESTAMP NOT NULL OPTIONS (description="When it had its verdict."),
  `duration_sec` FLOAT64 NOT NULL OPTIONS (description="Between the two."),
  `verdict` STRING NOT NULL OPTIONS (description="reconciled or not_reconciled."),
  `scope` STRING NOT NULL OPTIONS (description="full, range, or incremental: behind what was proven before."),
  `since` TIMESTAMP OPTIONS (description="First arrival of a range."),
  `until` TIMESTAMP OPTIONS (description="First arrival after a range."),
  `ranges` STRING NOT NULL OPTIONS (description="JSON: topic, partition, start, end (exclusive), proven_end."),
  `read` INT64 NOT NULL OPTIONS (description="Records in Kafka."),
  `accepted` INT64 NOT NULL OPTIONS (description="Rows in transactions."),
  `duplicate` INT64 NOT NULL OPTIONS (description="Rows in duplicates."),
  `conflict` INT64 NOT NULL OPTIONS (description="Rows in conflicts."),
  `late` INT64 NOT NULL OPTIONS (description="Rows in late_transactions."),
  `invalid` INT64 NOT NULL OPTIONS (description="Rows in dead_letters."),
  `missing` INT64 NOT NULL OPTIONS (description="Records in no table."),
  `double` INT64 NOT NULL OPTIONS (description="Rows too many."),
  `unknown` INT64 NOT NULL OPTIONS (description="Rows of no record."),
  `sums` STRING NOT NULL OPTIONS (description="JSON: each currency, its records, rows and sums on both sides."),
  `problems` STRING NOT NULL OPTIONS (description="JSON: the first failures of each check."),
  `notes` STRING NOT NULL OPTIONS (description="JSON: what is no failure, but should be known."),
  `allowed_lateness_sec` INT64 NOT NULL OPTIONS (description="Limit that the check judged by."),
  `clock_skew_sec` INT64 NOT NULL OPTIONS (description="Limit that the check judged by."),
  `pipeline_version` STRING NOT NULL OPTIONS (description="Version of the check."),
  `checked_by` STRING NOT NULL OPTIONS (description="User and machine."),
  `skipped` INT64 OPTIONS (description="Records in ranges of skipped_records.")
)
PARTITION BY DATE(started_at)
CLUSTER BY verdict
OPTIONS (description="What each check of the tables against Kafka has found: the audit log. Not of the pipeline.");
