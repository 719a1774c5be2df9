-- How did the records of each hour of arrival end, and do the counts agree? Conservation by SQL.
-- A record that Kafka has and no table has at the edge of an hour shows in offset_gaps alone; the
-- proof against Kafka itself is `payments reconcile`. A range of skipped records belongs to the
-- hour of its first: one that reaches into the next shows there as offsets that are missing.
CREATE OR REPLACE VIEW `${dataset}.reconciliation_hourly` AS
SELECT
  TIMESTAMP_TRUNC(broker_time, HOUR) AS hour,
  kafka_topic,
  kafka_partition,
  COUNTIF(outcome != 'skipped') + SUM(skipped) AS records,
  COUNTIF(outcome = 'accepted') AS accepted,
  COUNTIF(outcome = 'duplicate') AS duplicates,
  COUNTIF(outcome = 'conflict') AS conflicts,
  COUNTIF(outcome = 'late') AS late,
  COUNTIF(outcome = 'invalid') AS invalid,
  SUM(skipped) AS skipped,
  MIN(kafka_offset) AS first_offset,
  MAX(last_offset) AS last_offset,
  COUNT(DISTINCT IF(outcome != 'skipped', kafka_offset, NULL)) + SUM(skipped) AS distinct_places,
  COUNT(DISTINCT IF(outcome = 'accepted', transaction_id, NULL)) AS accepted_ids,
  -- Offsets in between that no table has: lost records, or markers of Kafka transactions.
  MAX(last_offset) - MIN(kafka_offset) + 1 - SUM(skipped)
    - COUNT(DISTINCT IF(outcome != 'skipped', kafka_offset, NULL)) AS missing_offsets,
  COUNTIF(outcome != 'skipped')
    - COUNT(DISTINCT IF(outcome != 'skipped', kafka_offset, NULL)) AS double_rows,
  COUNTIF(outcome != 'skipped') = COUNT(DISTINCT IF(outcome != 'skipped', kafka_offset, NULL))
    AND COUNTIF(outcome = 'accepted')
      = COUNT(DISTINCT IF(outcome = 'accepted', transaction_id, NULL))
    AND MAX(last_offset) - MIN(kafka_offset) + 1
      = COUNT(DISTINCT IF(outcome != 'skipped', kafka_offset, NULL)) + SUM(skipped) AS balanced
FROM
  (
    SELECT
      outcome,
      transaction_id,
      kafka_topic,
      kafka_partition,
      kafka_offset,
      kafka_offset AS last_offset,
      broker_time,
      0 AS skipped
    FROM
      `${dataset}.records`
    UNION ALL
    SELECT
      'skipped' AS outcome,
      CAST(NULL AS STRING) AS transaction_id,
      kafka_topic,
      kafka_partition,
      first_offset AS kafka_offset,
      last_offset,
      broker_time,
      record_count AS skipped
    FROM
      `${dataset}.skipped_records`
  )
GROUP BY
  hour, kafka_topic, kafka_partition;
