-- What must hold across the tables with a row for each record.
#fail
ASSERT NOT EXISTS (
  SELECT
    kafka_topic,
    kafka_partition,
    kafka_offset,
    outcomes
  FROM
    `${dataset}.offset_overlaps`
) AS 'each record stands in one row of one outcome table';

-- A gap may be a marker of a Kafka transaction: `payments reconcile` asks Kafka.
#warn
ASSERT NOT EXISTS (
  SELECT
    kafka_topic,
    kafka_partition,
    first_missing,
    last_missing
  FROM
    `${dataset}.offset_gaps`
) AS 'no offset between two records of a partition is missing';

-- ISO 4217's minor digits, 2 where not named. rules.py has them from a library; a test compares.
#fail
ASSERT NOT EXISTS (
  SELECT
    outcome,
    kafka_topic,
    kafka_partition,
    kafka_offset,
    amount,
    amount_minor,
    currency
  FROM
    `${dataset}.records`
  WHERE
    outcome != 'invalid'
    AND (
      amount_minor < 1
      OR amount_minor != amount * CASE
        WHEN currency IN (
          'BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'UYI',
          'VND', 'VUV', 'XAF', 'XOF', 'XPF'
        ) THEN 1
        WHEN currency IN ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND') THEN 1000
        WHEN currency IN ('CLF', 'UYW') THEN 10000
        ELSE 100
      END
    )
) AS 'each amount is above zero, and the same in major and minor units';

-- Any producer can claim to send a dead letter again, to make a late payment look early.
#fail
ASSERT NOT EXISTS (
  SELECT
    second_fate,
    kafka_topic,
    kafka_partition,
    kafka_offset,
    replay_of_topic,
    replay_of_partition,
    replay_of_offset
  FROM
    `${dataset}.replays`
  WHERE
    NOT genuine
) AS 'each replay names a dead letter that arrived before it, and its first arrival';

#fail
ASSERT NOT EXISTS (
  SELECT
    replay_of_topic,
    replay_of_partition,
    replay_of_offset,
    COUNT(*) AS counted
  FROM
    `${dataset}.replays`
  WHERE
    second_fate = 'accepted'
  GROUP BY
    replay_of_topic, replay_of_partition, replay_of_offset
  HAVING
    COUNT(*) > 1
) AS 'no dead letter is counted twice by being sent again';
