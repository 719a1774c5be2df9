-- In which minutes do the totals differ from the payments themselves? Empty when all is written.
-- Minutes of the last two hours may still be moving: their last pane comes when the watermark has
-- passed them, and late payments for an hour more. Older ones are `closed`, and must agree.
CREATE OR REPLACE VIEW `${dataset}.totals_difference` AS
SELECT
  COALESCE(counted.window_start, total.window_start) AS window_start,
  COALESCE(counted.currency, total.currency) AS currency,
  COALESCE(counted.payment_count, 0) AS payments,
  COALESCE(total.payment_count, 0) AS payments_in_totals,
  COALESCE(counted.amount, 0) AS amount,
  COALESCE(total.amount, 0) AS amount_in_totals,
  COALESCE(counted.window_start, total.window_start)
    < TIMESTAMP_SUB(newest.broker_time, INTERVAL 2 HOUR) AS closed
FROM
  (
    SELECT
      TIMESTAMP_TRUNC(event_time, MINUTE) AS window_start,
      currency,
      COUNT(*) AS payment_count,
      SUM(amount) AS amount
    FROM
      `${dataset}.transactions`
    GROUP BY
      window_start, currency
  ) AS counted
FULL JOIN
  `${dataset}.totals_by_minute_latest` AS total
ON
  total.window_start = counted.window_start
  AND total.currency = counted.currency
CROSS JOIN
  (SELECT MAX(broker_time) AS broker_time FROM `${dataset}.records`) AS newest
WHERE
  COALESCE(counted.payment_count, 0) != COALESCE(total.payment_count, 0)
  OR COALESCE(counted.amount, 0) != COALESCE(total.amount, 0);
