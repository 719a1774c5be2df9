#fail
ASSERT NOT EXISTS (
  SELECT
    copy.transaction_id,
    copy.kafka_topic,
    copy.kafka_partition,
    copy.kafka_offset
  FROM
    `${dataset}.duplicates` AS copy
  LEFT JOIN
    `${dataset}.transactions` AS accepted
  ON
    accepted.transaction_id = copy.transaction_id
    AND accepted.kafka_topic = copy.first_topic
    AND accepted.kafka_partition = copy.first_partition
    AND accepted.kafka_offset = copy.first_offset
    AND accepted.broker_time = copy.first_broker_time
    AND accepted.amount_minor = copy.amount_minor
    AND accepted.currency = copy.currency
    AND accepted.account_id = copy.account_id
    AND accepted.merchant_id = copy.merchant_id
  WHERE
    accepted.transaction_id IS NULL
) AS 'each duplicate names an accepted payment of its id, with the same payment facts';

-- Fewer than 10 copies in an hour are no rate. Older days are history: they have warned already.
#warn
ASSERT NOT EXISTS (
  SELECT
    hour,
    records,
    duplicates,
    rate
  FROM
    `${dataset}.duplicate_rate`
  WHERE
    warn
    AND duplicates >= 10
    AND hour >= TIMESTAMP_SUB(
      (SELECT MAX(broker_time) FROM `${dataset}.records`), INTERVAL 24 HOUR
    )
) AS 'at most 2 % of the payments of an hour are copies';
