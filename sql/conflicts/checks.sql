#fail
ASSERT NOT EXISTS (
  SELECT
    conflict.transaction_id,
    conflict.kafka_topic,
    conflict.kafka_partition,
    conflict.kafka_offset
  FROM
    `${dataset}.conflicts` AS conflict
  LEFT JOIN
    `${dataset}.transactions` AS accepted
  ON
    accepted.transaction_id = conflict.transaction_id
    AND accepted.kafka_topic = conflict.first_topic
    AND accepted.kafka_partition = conflict.first_partition
    AND accepted.kafka_offset = conflict.first_offset
    AND accepted.broker_time = conflict.first_broker_time
    AND (
      accepted.amount_minor != conflict.amount_minor
      OR accepted.currency != conflict.currency
      OR accepted.account_id IS DISTINCT FROM conflict.account_id
      OR accepted.merchant_id != conflict.merchant_id
      OR accepted.payment_type != conflict.payment_type
      OR accepted.country IS DISTINCT FROM conflict.country
      OR accepted.device_id IS DISTINCT FROM conflict.device_id
    )
  WHERE
    accepted.transaction_id IS NULL
) AS 'each conflict names an accepted payment of its id, and contradicts it';
