-- Which part of the payments of each hour of arrival were copies? Typical is 0.5 to 1.5 %.
-- Of the records that Deduplicate has seen: late and invalid ones are decided before it.
CREATE OR REPLACE VIEW `${dataset}.duplicate_rate` AS
SELECT
  TIMESTAMP_TRUNC(broker_time, HOUR) AS hour,
  COUNT(*) AS records,
  COUNTIF(outcome = 'duplicate') AS duplicates,
  COUNTIF(outcome = 'duplicate') / COUNT(*) AS rate,
  -- In integers: above 2 % means above it, at any number of records.
  COUNTIF(outcome = 'duplicate') * 100 > COUNT(*) * 2 AS warn
FROM
  `${dataset}.records`
WHERE
  outcome IN ('accepted', 'duplicate', 'conflict')
GROUP BY
  hour;
