-- One limit splits them, which SQL does not know: the most delayed of those that were not late was
-- less delayed than the least delayed of those that were. Warns after --allowed_lateness_sec was
-- changed, and then rightly: the history was judged by two rules.
#warn
ASSERT NOT EXISTS (
  SELECT
    late.transaction_id,
    late.kafka_topic,
    late.kafka_partition,
    late.kafka_offset
  FROM
    `${dataset}.late_transactions` AS late
  CROSS JOIN
    (
      SELECT
        MAX(
          TIMESTAMP_DIFF(COALESCE(original_time, broker_time), event_time, MICROSECOND)
        ) AS delay_us
      FROM
        `${dataset}.records`
      WHERE
        outcome IN ('accepted', 'duplicate', 'conflict')
    ) AS in_time
  WHERE
    TIMESTAMP_DIFF(COALESCE(late.original_time, late.broker_time), late.event_time, MICROSECOND)
      <= in_time.delay_us
) AS 'each late payment was more delayed than every payment that was not late';
