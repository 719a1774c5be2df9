-- The same id beyond the horizon is no fault of the pipeline, but the books are wrong all the same:
-- read transactions_unique until it is put right.
#fail
ASSERT NOT EXISTS (
  SELECT
    transaction_id,
    copies,
    places,
    apart_sec
  FROM
    `${dataset}.duplicate_ids`
) AS 'each transaction_id is counted once';
