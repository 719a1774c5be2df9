-- How many payments, and how much money, does each minute of event time hold by now?
-- Panes accumulate: of a run, minute and currency the highest pane_index replaces all before it.
-- Runs add up. So do rows with pane_timing 'correction': replayed payments whose minute was closed,
-- and what a run that lost its state had not summed.
CREATE OR REPLACE VIEW `${dataset}.totals_by_minute_latest` AS
SELECT
  window_start,
  MAX(window_end) AS window_end,
  currency,
  SUM(payment_count) AS payment_count,
  SUM(amount) AS amount,
  -- NULL: the minute had no payments but replayed ones.
  MAX(IF(pane_timing = 'correction', NULL, pane_timing)) AS pane_timing,
  COUNTIF(pane_timing = 'correction') AS corrections
FROM
  (
    SELECT
      *
    FROM
      `${dataset}.totals_by_minute`
    WHERE
      TRUE
    QUALIFY
      pane_timing = 'correction'
      OR ROW_NUMBER() OVER (
        PARTITION BY run_id, window_start, currency, pane_timing = 'correction'
        ORDER BY pane_index DESC, ingested_at DESC
      ) = 1
  )
GROUP BY
  window_start, currency;
