-- A launch takes the tables by naming itself in the row of the one before (pipeline/launch/door.py).
#fail
ASSERT NOT EXISTS (
  SELECT
    followed_by,
    COUNT(DISTINCT claim_id) AS followed
  FROM
    `${dataset}.runs`
  WHERE
    followed_by IS NOT NULL
  GROUP BY
    followed_by
  HAVING
    COUNT(DISTINCT claim_id) > 1
) AS 'each run has taken the tables from one other';

#fail
ASSERT NOT EXISTS (
  SELECT
    run.claim_id,
    run.followed_by
  FROM
    `${dataset}.runs` AS run
  LEFT JOIN
    `${dataset}.runs` AS follower
  ON
    follower.claim_id = run.followed_by
  WHERE
    run.followed_by IS NOT NULL
    AND follower.claim_id IS NULL
) AS 'each run that took the tables has a row';
