-- Which offsets between two records of a partition are in no table? Each row may be lost money.
-- It may also be a marker of a Kafka transaction (one offset each) or a record that compaction has
-- removed: only Kafka can tell, `payments reconcile` asks it. What lies before the first
-- record or after the last one is not visible from here.
CREATE OR REPLACE VIEW `${dataset}.offset_gaps` AS
SELECT
  kafka_topic,
  kafka_partition,
  offset_before + 1 AS first_missing,
  kafka_offset - 1 AS last_missing,
  kafka_offset - offset_before - 1 AS missing,
  broker_time_before,
  broker_time AS broker_time_after
FROM
  (
    SELECT
      kafka_topic,
      kafka_partition,
      kafka_offset,
      broker_time,
      LAG(kafka_offset) OVER in_partition AS offset_before,
      LAG(broker_time) OVER in_partition AS broker_time_before
    FROM
      `${dataset}.records`
    WINDOW
      in_partition AS (PARTITION BY kafka_topic, kafka_partition ORDER BY kafka_offset)
  )
WHERE
  kafka_offset > offset_before + 1;
