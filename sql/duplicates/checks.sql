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
  WHERE
    accepted.transaction_id IS NULL
    -- Payer and payee are facts unless a contract names others; amount and currency always are.
    OR (
      (
        accepted.account_id IS DISTINCT FROM copy.account_id
        OR accepted.merchant_id != copy.merchant_id
      )
      AND NOT EXISTS (
        SELECT 1
        FROM
          `${dataset}.runs`
        WHERE
          JSON_VALUE(contract_document, '$.name') != 'native'
      )
    )
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
