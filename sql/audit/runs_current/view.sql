-- Which run holds the tables, since when, and with what limits?
-- The newest of the chain that begins at the row 'root'. No row: nobody may write, or the run is
-- known to have ended.
CREATE OR REPLACE VIEW `${dataset}.runs_current` AS
SELECT
  run.run_id,
  run.claim_id,
  run.started_at,
  run.began_with,
  run.launched_by,
  run.pipeline_version,
  run.image,
  run.runner,
  run.job_name,
  run.job_id,
  run.topics,
  run.consumer_group,
  run.start_offsets,
  run.allowed_lateness_sec,
  run.clock_skew_sec,
  run.account_memory_sec,
  run.shards,
  run.contract
FROM
  `${dataset}.runs` AS run
JOIN
  `${dataset}.runs` AS before
ON
  before.followed_by = run.claim_id
WHERE
  run.followed_by IS NULL
  AND run.ended_at IS NULL;
