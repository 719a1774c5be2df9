#fail
ASSERT NOT EXISTS (
  SELECT
    window_start,
    currency,
    pane_timing,
    pane_index
  FROM
    `${dataset}.totals_by_minute`
  WHERE
    pane_timing NOT IN ('early', 'on_time', 'late', 'correction')
    OR window_start != TIMESTAMP_TRUNC(window_start, MINUTE)
    OR TIMESTAMP_DIFF(window_end, window_start, MICROSECOND) != 60000000
    OR (pane_timing != 'correction' AND payment_count < 1)
) AS 'each pane is of one whole minute and of a known kind';

#fail
ASSERT NOT EXISTS (
  SELECT
    window_start,
    currency,
    payments,
    payments_in_totals,
    amount,
    amount_in_totals
  FROM
    `${dataset}.totals_difference`
  WHERE
    closed
) AS 'the totals of closed minutes are the sums of their payments';

#warn
ASSERT NOT EXISTS (
  SELECT
    window_start,
    currency,
    payments,
    payments_in_totals,
    amount,
    amount_in_totals
  FROM
    `${dataset}.totals_difference`
  WHERE
    NOT closed
) AS 'the totals of the last two hours are the sums of their payments: no job is behind';
