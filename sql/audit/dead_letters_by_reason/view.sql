-- Why are records rejected, since when, and how many wait to be corrected? By day of arrival.
CREATE OR REPLACE VIEW `${dataset}.dead_letters_by_reason` AS
SELECT
  DATE(letter.broker_time) AS day,
  letter.kafka_topic,
  letter.reason,
  letter.step,
  COUNT(*) AS records,
  COUNTIF(replay.replay_of_offset IS NOT NULL) AS sent_again,
  MIN(letter.broker_time) AS first_broker_time,
  MAX(letter.broker_time) AS last_broker_time,
  MAX(letter.detail) AS example_detail
FROM
  `${dataset}.dead_letters` AS letter
LEFT JOIN
  (
    SELECT DISTINCT
      replay_of_topic,
      replay_of_partition,
      replay_of_offset
    FROM
      `${dataset}.records`
  ) AS replay
ON
  replay.replay_of_topic = letter.kafka_topic
  AND replay.replay_of_partition = letter.kafka_partition
  AND replay.replay_of_offset = letter.kafka_offset
GROUP BY
  day, letter.kafka_topic, letter.reason, letter.step;
