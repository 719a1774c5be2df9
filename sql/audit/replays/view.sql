-- What became of each dead letter that was sent again, and is it what it says it is?
-- Any producer can write the header of a replay: `genuine` says that the dead letter exists,
-- arrived before its replay, and that the replay was judged by the first arrival of the chain. One
-- that is not genuine may have brought a late payment into the books.
CREATE OR REPLACE VIEW `${dataset}.replays` AS
SELECT
  replay.replay_of_topic,
  replay.replay_of_partition,
  replay.replay_of_offset,
  letter.reason AS rejected_for,
  letter.broker_time AS rejected_broker_time,
  COALESCE(letter.original_time, letter.broker_time) AS first_broker_time,
  replay.outcome AS second_fate,
  replay.reason AS rejected_again_for,
  replay.transaction_id,
  replay.currency,
  replay.amount,
  replay.original_time,
  replay.kafka_topic,
  replay.kafka_partition,
  replay.kafka_offset,
  replay.broker_time,
  COALESCE(
    replay.original_time = COALESCE(letter.original_time, letter.broker_time)
      AND letter.broker_time <= replay.broker_time,
    FALSE
  ) AS genuine
FROM
  `${dataset}.records` AS replay
LEFT JOIN
  `${dataset}.dead_letters` AS letter
ON
  letter.kafka_topic = replay.replay_of_topic
  AND letter.kafka_partition = replay.replay_of_partition
  AND letter.kafka_offset = replay.replay_of_offset
WHERE
  replay.replay_of_topic IS NOT NULL;
