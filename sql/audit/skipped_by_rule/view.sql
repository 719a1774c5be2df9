-- What does the contract skip, by which rule, and how much of it? By day of arrival.
-- No payload is kept of it: Kafka alone has what was skipped.
CREATE OR REPLACE VIEW `${dataset}.skipped_by_rule` AS
SELECT
  DATE(broker_time) AS day,
  kafka_topic,
  rule,
  SUM(record_count) AS records,
  COUNT(*) AS ranges,
  MIN(broker_time) AS first_broker_time,
  MAX(last_broker_time) AS last_broker_time
FROM
  `${dataset}.skipped_records`
GROUP BY
  day, kafka_topic, rule;
