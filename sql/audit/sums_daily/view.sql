-- How much money was counted each day of arrival, and how much was kept out? Per currency.
-- Invalid records have no amount that could be trusted: dead_letters_by_reason counts them.
CREATE OR REPLACE VIEW `${dataset}.sums_daily` AS
SELECT
  DATE(broker_time) AS day,
  currency,
  COUNTIF(outcome = 'accepted') AS accepted,
  COALESCE(SUM(IF(outcome = 'accepted', amount, NULL)), 0) AS accepted_amount,
  COUNTIF(outcome = 'duplicate') AS duplicates,
  COALESCE(SUM(IF(outcome = 'duplicate', amount, NULL)), 0) AS duplicate_amount,
  COUNTIF(outcome = 'conflict') AS conflicts,
  COALESCE(SUM(IF(outcome = 'conflict', amount, NULL)), 0) AS conflict_amount,
  COUNTIF(outcome = 'late') AS late,
  COALESCE(SUM(IF(outcome = 'late', amount, NULL)), 0) AS late_amount
FROM
  `${dataset}.records`
WHERE
  outcome != 'invalid'
GROUP BY
  day, currency;
