-- What would the books show without deduplication? What was stopped, per currency, whole history.
CREATE OR REPLACE VIEW `${dataset}.effectiveness` AS
SELECT
  currency,
  COUNTIF(outcome = 'accepted') AS accepted,
  COALESCE(SUM(IF(outcome = 'accepted', amount, NULL)), 0) AS accepted_amount,
  COUNTIF(outcome = 'duplicate') AS duplicates_stopped,
  COALESCE(SUM(IF(outcome = 'duplicate', amount, NULL)), 0) AS amount_kept_from_counting_twice,
  COUNTIF(outcome = 'conflict') AS conflicts_stopped,
  COALESCE(SUM(IF(outcome = 'conflict', amount, NULL)), 0) AS conflicting_amount
FROM
  `${dataset}.records`
WHERE
  outcome IN ('accepted', 'duplicate', 'conflict')
GROUP BY
  currency;
