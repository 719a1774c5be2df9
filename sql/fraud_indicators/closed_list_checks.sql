-- Generated from transforms/payment/fraud_rules.py, Indicator, by
-- `payments tables generate`: edit there.
#fail
ASSERT NOT EXISTS (
  SELECT
    indicator,
    kafka_topic,
    kafka_partition,
    kafka_offset
  FROM
    `${dataset}.fraud_indicators`
  WHERE
    indicator NOT IN (
      'high_velocity_10min', 'high_velocity_1h', 'unusual_amount', 'card_testing',
      'impossible_travel', 'new_device', 'conflict'
    )
) AS 'each indicator is one of the closed list';
