-- How long after it happened does a payment arrive? Shows whether the allowed lateness is enough.
-- A replay is measured by the first arrival of its chain, as SplitLate does.
CREATE OR REPLACE VIEW `${dataset}.lateness_distribution` AS
SELECT
  CASE
    WHEN lateness_ms < 0 THEN '0: before it happened'
    WHEN lateness_ms <= 1000 THEN '1: up to 1 s'
    WHEN lateness_ms <= 10000 THEN '2: up to 10 s'
    WHEN lateness_ms <= 60000 THEN '3: up to 1 min'
    WHEN lateness_ms <= 600000 THEN '4: up to 10 min'
    WHEN lateness_ms <= 3600000 THEN '5: up to 1 h'
    WHEN lateness_ms <= 86400000 THEN '6: up to 1 day'
    ELSE '7: later'
  END AS bucket,
  COUNT(*) AS records,
  COUNTIF(outcome = 'late') AS late,
  SAFE_DIVIDE(COUNT(*), SUM(COUNT(*)) OVER ()) AS share,
  MAX(lateness_ms) AS lateness_ms_max
FROM
  (
    SELECT
      outcome,
      TIMESTAMP_DIFF(
        COALESCE(original_time, broker_time), event_time, MILLISECOND
      ) AS lateness_ms
    FROM
      `${dataset}.records`
    WHERE
      outcome != 'invalid'
  )
GROUP BY
  bucket;
