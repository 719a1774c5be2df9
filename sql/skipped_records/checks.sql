#fail
ASSERT NOT EXISTS (
  SELECT
    rule,
    kafka_topic,
    kafka_partition,
    first_offset,
    last_offset,
    record_count
  FROM
    `${dataset}.skipped_records`
  WHERE
    record_count < 1
    OR record_count > last_offset - first_offset + 1
    OR last_broker_time < broker_time
) AS 'each range of skipped records can hold as many as it counts';

-- A record that is in two of them would be counted twice.
#fail
ASSERT NOT EXISTS (
  SELECT
    rule,
    kafka_topic,
    kafka_partition,
    first_offset,
    offset_before
  FROM
    (
      SELECT
        rule,
        kafka_topic,
        kafka_partition,
        first_offset,
        LAG(last_offset) OVER in_rule AS offset_before
      FROM
        `${dataset}.skipped_records`
      WINDOW
        in_rule AS (
          PARTITION BY kafka_topic, kafka_partition, rule ORDER BY first_offset, last_offset
        )
    )
  WHERE
    first_offset <= offset_before
) AS 'ranges of one rule do not overlap';
