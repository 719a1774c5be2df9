-- Which offsets between two records of a partition are in no table? Each row may be lost money.
-- It may also be a marker of a Kafka transaction (one offset each) or a record that compaction has
-- removed: only Kafka can tell, `payments reconcile` asks it. What lies before the first
-- record or after the last one is not visible from here, nor what lies within a range of skipped
-- records: reconciliation_daily counts that.
CREATE OR REPLACE VIEW `${dataset}.offset_gaps` AS
SELECT
  kafka_topic,
  kafka_partition,
  offset_before + 1 AS first_missing,
  first_offset - 1 AS last_missing,
  first_offset - offset_before - 1 AS missing,
  broker_time_before,
  broker_time AS broker_time_after
FROM
  (
    SELECT
      kafka_topic,
      kafka_partition,
      first_offset,
      broker_time,
      MAX(last_offset) OVER before AS offset_before,
      MAX(last_broker_time) OVER before AS broker_time_before
    FROM
      (
        SELECT
          kafka_topic,
          kafka_partition,
          kafka_offset AS first_offset,
          kafka_offset AS last_offset,
          broker_time,
          broker_time AS last_broker_time
        FROM
          `${dataset}.records`
        UNION ALL
        SELECT
          kafka_topic,
          kafka_partition,
          first_offset,
          last_offset,
          broker_time,
          last_broker_time
        FROM
          `${dataset}.skipped_records`
      )
    WINDOW
      before AS (
        PARTITION BY kafka_topic, kafka_partition ORDER BY first_offset, last_offset
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
      )
  )
WHERE
  first_offset > offset_before + 1;
