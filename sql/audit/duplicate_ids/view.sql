-- Which payments are counted more than once? The whole history; empty is the promise.
-- One place (topic, partition, offset): the same record was written twice, a fault of the sink.
-- More places: within the horizon a fault of Deduplicate; beyond it the producer has sent the id
-- again with a new event time, which no memory of bounded size can stop (docs: the guarantee).
CREATE OR REPLACE VIEW `${dataset}.duplicate_ids` AS
SELECT
  transaction_id,
  COUNT(*) AS copies,
  COUNT(DISTINCT CONCAT(
    kafka_topic, ' ', CAST(kafka_partition AS STRING), ' ', CAST(kafka_offset AS STRING)
  )) AS places,
  -- More than one: the copies say different things.
  COUNT(DISTINCT CONCAT(
    CAST(amount_minor AS STRING), ' ', currency, ' ', account_id, ' ', merchant_id
  )) AS versions,
  MIN(broker_time) AS first_broker_time,
  MAX(broker_time) AS last_broker_time,
  TIMESTAMP_DIFF(MAX(broker_time), MIN(broker_time), SECOND) AS apart_sec,
  MIN(ingested_at) AS first_ingested_at,
  MAX(ingested_at) AS last_ingested_at
FROM
  `${dataset}.transactions`
GROUP BY
  transaction_id
HAVING
  COUNT(*) > 1;
