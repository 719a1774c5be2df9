-- Generated from transforms/payment/tables.py by
-- `payments tables generate`: edit there.
CREATE TABLE IF NOT EXISTS `${dataset}.runs`
(
  `claim_id` STRING NOT NULL OPTIONS (description="Names this row. Two attempts of a launch have one each."),
  `run_id` STRING NOT NULL OPTIONS (description="Names the launch; empty in the row that `tables create` made."),
  `followed_by` STRING OPTIONS (description="claim_id that took the tables from this one."),
  `started_at` TIMESTAMP NOT NULL OPTIONS (description="When the launch asked for the tables."),
  `ended_at` TIMESTAMP OPTIONS (description="When it was known to have ended."),
  `ended_why` STRING OPTIONS (description="How it ended, and how that is known."),
  `began_with` STRING OPTIONS (description="nothing, tables, update, or the URI of a state."),
  `launched_by` STRING NOT NULL OPTIONS (description="user@host of the launcher."),
  `pipeline_version` STRING NOT NULL OPTIONS (description="Version that was launched."),
  `image` STRING OPTIONS (description="Image that it was launched from, where that is known."),
  `runner` STRING OPTIONS (description="DirectRunner, FlinkRunner or DataflowRunner."),
  `job_name` STRING OPTIONS (description="Name of its job on the runner."),
  `job_id` STRING OPTIONS (description="Id that the runner gave, once it was submitted."),
  `topics` STRING OPTIONS (description="JSON: name of each topic, and Kafka's id of it."),
  `consumer_group` STRING OPTIONS (description="Group whose offsets say where it began."),
  `start_offsets` STRING OPTIONS (description="JSON: topic, partition, offset it began at."),
  `allowed_lateness_sec` INT64 OPTIONS (description="Limit it runs with."),
  `clock_skew_sec` INT64 OPTIONS (description="Limit it runs with."),
  `account_memory_sec` INT64 OPTIONS (description="Limit it runs with."),
  `shards` INT64 OPTIONS (description="In how many shards it remembers."),
  `contract` STRING OPTIONS (description="Fingerprint of the contract of its payloads."),
  `contract_document` STRING OPTIONS (description="JSON: the contract and its schemas."),
  `arrival` STRING OPTIONS (description="log_append_time or bounded_create_time."),
  `arrival_slack_sec` INT64 OPTIONS (description="How far apart producers' times can be; 0 where the broker's time counts.")
)
PARTITION BY DATE(started_at)
CLUSTER BY claim_id
OPTIONS (description="Each launch: who may write to the tables of this dataset, since when and with what limits.");
