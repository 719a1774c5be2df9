-- Which payments were made? Each transaction_id once, whatever happened: its earliest arrival.
-- For books that must be right even on a day when duplicate_ids is not empty.
CREATE OR REPLACE VIEW `${dataset}.transactions_unique` AS
SELECT
  *
FROM
  `${dataset}.transactions`
WHERE
  TRUE
QUALIFY
  ROW_NUMBER() OVER (
    PARTITION BY transaction_id
    ORDER BY broker_time, kafka_topic, kafka_partition, kafka_offset, ingested_at
  ) = 1;
