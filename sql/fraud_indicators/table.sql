-- Generated from transforms/payment/tables.py by
-- `payments tables generate`: edit there.
CREATE TABLE IF NOT EXISTS `${dataset}.fraud_indicators`
(
  `indicator` STRING NOT NULL OPTIONS (description="Which one: a closed list."),
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
  `count_10min` INT64 OPTIONS (description="Payments of the account in 10 min, this included."),
  `amount_10min` NUMERIC OPTIONS (description="Their sum, those in this currency."),
  `count_1h` INT64 OPTIONS (description="Payments of the account in 1 h, this included."),
  `amount_1h` NUMERIC OPTIONS (description="Their sum, those in this currency."),
  `baseline_count` INT64 OPTIONS (description="Earlier payments in this currency."),
  `baseline_mean_minor` FLOAT64 OPTIONS (description="Mean of their amounts, minor units."),
  `baseline_stddev_minor` FLOAT64 OPTIONS (description="Their sample standard deviation."),
  `z_score` FLOAT64 OPTIONS (description="(amount - mean) / standard deviation."),
  `small_count_10min` INT64 OPTIONS (description="Much smaller payments in 10 min before."),
  `previous_country` STRING OPTIONS (description="Country of the payment before."),
  `previous_event_time` TIMESTAMP OPTIONS (description="Event time of that payment."),
  `known_devices` INT64 OPTIONS (description="Devices the account had paid with before."),
  `first_topic` STRING OPTIONS (description="Topic of the accepted record of this id."),
  `first_partition` INT64 OPTIONS (description="Partition of the accepted record of this id."),
  `first_offset` INT64 OPTIONS (description="Offset of the accepted record of this id."),
  `first_broker_time` TIMESTAMP OPTIONS (description="Arrival of the accepted record of this id."),
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
PARTITION BY DATE(broker_time)
CLUSTER BY indicator, account_id
OPTIONS (description="One row for each indicator that a payment raises, with all that it was computed from.");
