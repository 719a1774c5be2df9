-- Generated from transforms/payment/dead_letter.py, Reason, by
-- `payments tables generate`: edit there.
#fail
ASSERT NOT EXISTS (
  SELECT
    reason,
    kafka_topic,
    kafka_partition,
    kafka_offset
  FROM
    `${dataset}.dead_letters`
  WHERE
    reason NOT IN (
      'tombstone', 'too_large', 'not_json', 'not_an_object', 'repeated_field', 'missing_field',
      'wrong_type', 'bad_transaction_id', 'bad_account_id', 'bad_merchant_id', 'bad_device_id',
      'bad_country', 'bad_event_time', 'unknown_payment_type', 'unknown_currency',
      'amount_not_positive', 'amount_too_large', 'event_time_in_future', 'bad_replay_header',
      'refused_by_bigquery', 'not_decodable', 'unknown_schema', 'unknown_state', 'several_payments',
      'bad_amount', 'amount_not_exact'
    )
) AS 'each reason is one of the closed list';
