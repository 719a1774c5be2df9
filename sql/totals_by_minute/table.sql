-- Generated from transforms/payment/tables.py by
-- `payments tables generate`: edit there.
CREATE TABLE IF NOT EXISTS `${dataset}.totals_by_minute`
(
  `window_start` TIMESTAMP NOT NULL OPTIONS (description="First moment of the minute."),
  `window_end` TIMESTAMP NOT NULL OPTIONS (description="First moment after the minute."),
  `currency` STRING NOT NULL OPTIONS (description="ISO 4217 code."),
  `payment_count` INT64 NOT NULL OPTIONS (description="Payments of the minute so far; a correction adds."),
  `amount` NUMERIC NOT NULL OPTIONS (description="Their sum in major units of the currency, exact."),
  `pane_timing` STRING NOT NULL OPTIONS (description="early, on_time, late; correction adds to the last pane."),
  `pane_index` INT64 NOT NULL OPTIONS (description="Of the pane in its run: the highest replaces the others."),
  `run_id` STRING NOT NULL OPTIONS (description="Launch that summed it. Runs add up."),
  `ingested_at` TIMESTAMP NOT NULL OPTIONS (description="When the pipeline formatted the row."),
  `pipeline_version` STRING NOT NULL OPTIONS (description="Version of the pipeline that wrote the row.")
)
PARTITION BY DATE(window_start)
CLUSTER BY currency
OPTIONS (description="Count and sum of the accepted payments of each minute of event time, pane after pane.");
