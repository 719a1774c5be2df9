#fail
ASSERT NOT EXISTS (
  SELECT
    reconciliation_id,
    verdict,
    missing,
    double
  FROM
    `${dataset}.reconciliations`
  WHERE
    verdict NOT IN ('reconciled', 'not_reconciled')
    OR (verdict = 'reconciled' AND (missing != 0 OR double != 0 OR unknown != 0))
    OR finished_at < started_at
) AS 'no verdict says more than its counts';

-- Somebody should have looked since.
#warn
ASSERT NOT EXISTS (
  SELECT
    newest.reconciliation_id,
    newest.started_at,
    newest.missing,
    newest.double
  FROM (
    SELECT
      reconciliation_id,
      started_at,
      verdict,
      missing,
      double,
      ROW_NUMBER() OVER (ORDER BY started_at DESC) AS age
    FROM
      `${dataset}.reconciliations`
  ) AS newest
  WHERE
    newest.age = 1
    AND newest.verdict != 'reconciled'
) AS 'the newest verdict is that all was counted once';
