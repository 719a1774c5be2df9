-- Generated from transforms/payment/tables.py by
-- `payments tables generate`: edit there.
CREATE TABLE IF NOT EXISTS `${dataset}.skipped_records`
(
  `kafka_topic` STRING NOT NULL OPTIONS (description="Topic the records were read from."),
  `kafka_partition` INT64 NOT NULL OPTIONS (description="Partition the records were read from."),
  `first_offset` INT64 NOT NULL OPTIONS (description="Offset of the first record that the rule skips."),
  `last_offset` INT64 NOT NULL OPTIONS (description="Offset of the last one."),
  `rule` STRING NOT NULL OPTIONS (description="The rule of the contract that says so."),
  `record_count` INT64 NOT NULL OPTIONS (description="How many records the rule skips from first to last."),
  `broker_time` TIMESTAMP NOT NULL OPTIONS (description="Arrival of the first record."),
  `last_broker_time` TIMESTAMP NOT NULL OPTIONS (description="Arrival of the last record."),
  `ingested_at` TIMESTAMP NOT NULL OPTIONS (description="When the pipeline formatted the row."),
  `pipeline_version` STRING NOT NULL OPTIONS (description="Version of the pipeline that wrote the row.")
)
PARTITION BY DATE(broker_time)
CLUSTER BY rule
OPTIONS (description="Ranges of records that are not the payment, as the contract says; no payload.");
