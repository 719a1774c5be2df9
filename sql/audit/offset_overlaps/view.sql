-- Which records stand in more than one row? Empty is the promise: one record, one outcome.
CREATE OR REPLACE VIEW `${dataset}.offset_overlaps` AS
SELECT
  kafka_topic,
  kafka_partition,
  kafka_offset,
  COUNT(*) AS copies,
  STRING_AGG(outcome, ', ' ORDER BY outcome) AS outcomes,
  MIN(broker_time) AS broker_time,
  MIN(ingested_at) AS first_ingested_at,
  MAX(ingested_at) AS last_ingested_at
FROM
  `${dataset}.records`
GROUP BY
  kafka_topic, kafka_partition, kafka_offset
HAVING
  COUNT(*) > 1;
