-- Duplicates move no indicator, and raise none.
#fail
ASSERT NOT EXISTS (
  SELECT
    raised.indicator,
    raised.kafka_topic,
    raised.kafka_partition,
    raised.kafka_offset
  FROM
    `${dataset}.fraud_indicators` AS raised
  LEFT JOIN
    `${dataset}.records` AS record
  ON
    record.kafka_topic = raised.kafka_topic
    AND record.kafka_partition = raised.kafka_partition
    AND record.kafka_offset = raised.kafka_offset
    AND record.transaction_id = raised.transaction_id
    AND record.outcome = IF(raised.indicator = 'conflict', 'conflict', 'accepted')
  WHERE
    record.outcome IS NULL
) AS 'each indicator was raised by an accepted payment, or by the conflict it names';

#fail
ASSERT NOT EXISTS (
  SELECT
    indicator,
    kafka_topic,
    kafka_partition,
    kafka_offset,
    COUNT(*) AS copies
  FROM
    `${dataset}.fraud_indicators`
  GROUP BY
    indicator, kafka_topic, kafka_partition, kafka_offset
  HAVING
    COUNT(*) > 1
) AS 'a payment raises each indicator once';
