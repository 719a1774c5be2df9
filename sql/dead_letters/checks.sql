-- A null value is refused before anything else is looked at.
#fail
ASSERT NOT EXISTS (
  SELECT
    reason,
    kafka_topic,
    kafka_partition,
    kafka_offset
  FROM
    `${dataset}.dead_letters`
  WHERE
    (payload IS NULL) != (reason = 'tombstone')
) AS 'each dead letter keeps its raw bytes, tombstones excepted';
