-- Generated from transforms/payment/tables.py by
-- `payments tables generate`: edit there.
CREATE TABLE IF NOT EXISTS `${dataset}.dead_letters`
(
  `reason` STRING NOT NULL OPTIONS (description="Why the record was rejected: a closed list."),
  `detail` STRING NOT NULL OPTIONS (description="What was required and what was received, for a human."),
  `step` STRING NOT NULL OPTIONS (description="The step that rejected it."),
  `key` BYTES OPTIONS (description="Kafka key, as read."),
  `payload` BYTES OPTIONS (description="Kafka value, as read; null for a tombstone."),
  `kafka_topic` STRING NOT NULL OPTIONS (description="Topic the record was read from."),
  `kafka_partition` INT64 NOT NULL OPTIONS (description="Partition the record was read from."),
  `kafka_offset` INT64 NOT NULL OPTIONS (description="Offset of the record in its partition."),
  `broker_time` TIMESTAMP NOT NULL OPTIONS (description="Arrival: the broker's LogAppendTime."),
  `replay_of_topic` STRING OPTIONS (description="Of the dead letter that this sends again."),
  `replay_of_partition` INT64 OPTIONS (description="Of the dead letter that this sends again."),
  `replay_of_offset` INT64 OPTIONS (description="Of the dead letter that this sends again."),
  `original_time` TIMESTAMP OPTIONS (description="Arrival that a replay is judged by."),
  `ingested_at` TIMESTAMP NOT NULL OPTIONS (description="When the pipeline formatted the row."),
  `pipeline_version` STRING NOT NULL OPTIONS (description="Version of the pipeline that wrote the row."),
  `headers` STRING OPTIONS (description="JSON: the Kafka headers that the contract asks for; null: it asks for none.")
)
PARTITION BY DATE(broker_time)
CLUSTER BY reason
OPTIONS (description="Records that cannot be counted, with their raw bytes and the reason.");
