-- How did the records of each day of arrival end, and do the counts agree? Conservation by SQL.
-- A record that Kafka has and no table has at the edge of a day shows in offset_gaps alone; the
-- proof against Kafka itself is `payments reconcile`.
CREATE OR REPLACE VIEW `${dataset}.reconciliation_daily` AS
SELECT
  DATE(broker_time) AS day,
  kafka_topic,
  kafka_partition,
  COUNT(*) AS records,
  COUNTIF(outcome = 'accepted') AS accepted,
  COUNTIF(outcome = 'duplicate') AS duplicates,
  COUNTIF(outcome = 'conflict') AS conflicts,
  COUNTIF(outcome = 'late') AS late,
  COUNTIF(outcome = 'invalid') AS invalid,
  MIN(kafka_offset) AS first_offset,
  MAX(kafka_offset) AS last_offset,
  COUNT(DISTINCT kafka_offset) AS distinct_places,
  COUNT(DISTINCT IF(outcome = 'accepted', transaction_id, NULL)) AS accepted_ids,
  -- Offsets in between that no table has: lost records, or markers of Kafka transactions.
  MAX(kafka_offset) - MIN(kafka_offset) + 1 - COUNT(DISTINCT kafka_offset) AS missing_offsets,
  COUNT(*) - COUNT(DISTINCT kafka_offset) AS double_rows,
  COUNT(*) = COUNT(DISTINCT kafka_offset)
    AND COUNTIF(outcome = 'accepted')
      = COUNT(DISTINCT IF(outcome = 'accepted', transaction_id, NULL))
    AND MAX(kafka_offset) - MIN(kafka_offset) + 1 = COUNT(DISTINCT kafka_offset) AS balanced
FROM
  `${dataset}.records`
GROUP BY
  day, kafka_topic, kafka_partition;
