-- In what does a conflicting record differ from the payment that was accepted under its id?
-- Conflicts are never counted. Without an accepted version (all NULL) the tables contradict each
-- other: sql/conflicts/checks.sql fails.
CREATE OR REPLACE VIEW `${dataset}.conflicts_beside_accepted` AS
SELECT
  conflict.transaction_id,
  ARRAY_TO_STRING(
    [
      IF(conflict.amount_minor != accepted.amount_minor, 'amount', NULL),
      IF(conflict.currency != accepted.currency, 'currency', NULL),
      IF(conflict.account_id IS DISTINCT FROM accepted.account_id, 'payer', NULL),
      IF(conflict.merchant_id != accepted.merchant_id, 'payee', NULL),
      IF(conflict.payment_type != accepted.payment_type, 'type', NULL),
      IF(conflict.country IS DISTINCT FROM accepted.country, 'country', NULL),
      IF(conflict.device_id IS DISTINCT FROM accepted.device_id, 'device', NULL)
    ],
    ', '
  ) AS differs_in,
  conflict.amount,
  accepted.amount AS accepted_amount,
  conflict.currency,
  accepted.currency AS accepted_currency,
  conflict.account_id,
  accepted.account_id AS accepted_account_id,
  conflict.merchant_id,
  accepted.merchant_id AS accepted_merchant_id,
  conflict.event_time,
  accepted.event_time AS accepted_event_time,
  conflict.broker_time,
  accepted.broker_time AS accepted_broker_time,
  conflict.kafka_topic,
  conflict.kafka_partition,
  conflict.kafka_offset,
  conflict.first_topic,
  conflict.first_partition,
  conflict.first_offset
FROM
  `${dataset}.conflicts` AS conflict
LEFT JOIN
  `${dataset}.transactions` AS accepted
ON
  accepted.transaction_id = conflict.transaction_id
  AND accepted.kafka_topic = conflict.first_topic
  AND accepted.kafka_partition = conflict.first_partition
  AND accepted.kafka_offset = conflict.first_offset;
