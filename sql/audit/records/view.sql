-- How did each record end? Every row of the outcome tables, with the outcome it stands for.
-- What a contract skips has no rows: skipped_by_rule counts it.
-- The other views read this one: filter by transaction_id, or by place, to follow one payment.
CREATE OR REPLACE VIEW `${dataset}.records` AS
SELECT
  'accepted' AS outcome,
  transaction_id,
  account_id,
  merchant_id,
  currency,
  amount,
  amount_minor,
  event_time,
  CAST(NULL AS STRING) AS reason,
  kafka_topic,
  kafka_partition,
  kafka_offset,
  broker_time,
  replay_of_topic,
  replay_of_partition,
  replay_of_offset,
  original_time,
  ingested_at,
  pipeline_version
FROM
  `${dataset}.transactions`
UNION ALL
SELECT
  'duplicate' AS outcome,
  transaction_id,
  account_id,
  merchant_id,
  currency,
  amount,
  amount_minor,
  event_time,
  CAST(NULL AS STRING) AS reason,
  kafka_topic,
  kafka_partition,
  kafka_offset,
  broker_time,
  replay_of_topic,
  replay_of_partition,
  replay_of_offset,
  original_time,
  ingested_at,
  pipeline_version
FROM
  `${dataset}.duplicates`
UNION ALL
SELECT
  'conflict' AS outcome,
  transaction_id,
  account_id,
  merchant_id,
  currency,
  amount,
  amount_minor,
  event_time,
  CAST(NULL AS STRING) AS reason,
  kafka_topic,
  kafka_partition,
  kafka_offset,
  broker_time,
  replay_of_topic,
  replay_of_partition,
  replay_of_offset,
  original_time,
  ingested_at,
  pipeline_version
FROM
  `${dataset}.conflicts`
UNION ALL
SELECT
  'late' AS outcome,
  transaction_id,
  account_id,
  merchant_id,
  currency,
  amount,
  amount_minor,
  event_time,
  CAST(NULL AS STRING) AS reason,
  kafka_topic,
  kafka_partition,
  kafka_offset,
  broker_time,
  replay_of_topic,
  replay_of_partition,
  replay_of_offset,
  original_time,
  ingested_at,
  pipeline_version
FROM
  `${dataset}.late_transactions`
UNION ALL
SELECT
  'invalid' AS outcome,
  CAST(NULL AS STRING) AS transaction_id,
  CAST(NULL AS STRING) AS account_id,
  CAST(NULL AS STRING) AS merchant_id,
  CAST(NULL AS STRING) AS currency,
  CAST(NULL AS NUMERIC) AS amount,
  CAST(NULL AS INT64) AS amount_minor,
  CAST(NULL AS TIMESTAMP) AS event_time,
  reason,
  kafka_topic,
  kafka_partition,
  kafka_offset,
  broker_time,
  replay_of_topic,
  replay_of_partition,
  replay_of_offset,
  original_time,
  ingested_at,
  pipeline_version
FROM
  `${dataset}.dead_letters`;
