-- Generated from transforms/payment/tables.py by
-- `payments tables generate`: edit there.
CREATE TABLE IF NOT EXISTS `${dataset}.transactions`
(
  `transaction_id` STRING NOT NULL OPTIONS (description="Id of the payment, given by its producer."),
  `account_id` STRING OPTIONS (description="The payer; null where the record names none."),
  `merchant_id` STRING NOT NULL OPTIONS (description="The payee."),
  `payment_type` STRING NOT NULL OPTIONS (description="purchase, refund, transfer or withdrawal."),
  `amount` NUMERIC NOT NULL OPTIONS (description="Amount in major units of the currency, exact."),
  `amount_minor` INT64 NOT NULL OPTIONS (description="Amount in minor units of the currency, as received."),
  `currency` STRING NOT NULL OPTIONS (description="ISO 4217 code."),
  `event_time` TIMESTAMP NOT NULL OPTIONS (description="When the payment happened, by its producer."),
  `country` STRING OPTIONS (description="ISO 3166-1 alpha-2 code."),
  `device_id` STRING OPTIONS (description="Device the payment was made with."),
  `kafka_topic` STRING NOT NULL OPTIONS (description="Topic the record was read from."),
  `kafka_partition` INT64 NOT NULL OPTIONS (description="Partition the record was read from."),
  `kafka_offset` INT64 NOT NULL OPTIONS (description="Offset of the record in its partition."),
  `broker_time` TIMESTAMP NOT NULL OPTIONS (description="Arrival: the broker's LogAppendTime."),
  `replay_of_topic` STRING OPTIONS (description="Of the dead letter that this sends again."),
  `replay_of_partition` INT64 OPTIONS (description="Of the dead letter that this sends again."),
  `replay_of_offset` INT64 OPTIONS (description="Of the dead letter that this sends again."),
  `original_time` TIMESTAMP OPTIONS (description="Arrival that a replay is judged by."),
  `ingested_at` TIMESTAMP NOT NULL OPTIONS (description="When the pipeline formatted the row."),
  `pipeline_version` STRING NOT NULL OPTIONS (description="Version of the pipeline that wrote the row.")
)
PARTITION BY DATE(event_time)
CLUSTER BY transaction_id, account_id
OPTIONS (description="Each payment once: the first valid record of its transaction_id.");
