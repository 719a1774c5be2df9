"""The settings of all commands, each declared once, with the one name that it has everywhere.

A setting NAME is the flag --NAME, the variable PAYMENTS_NAME and the key NAME of the file that
--config names. What is asked for once, as --savepoint_path or --take_over, is a flag alone: nobody
should find it in a file that he wrote last month.
"""

from __future__ import annotations

from typing import NamedTuple

VARIABLE_PREFIX = "PAYMENTS_"
CONFIG = "config"


class Setting(NamedTuple):
    """One setting.

    Attributes:
        metavar: what its value looks like.
        meaning: for help; a sentence.
        default: what the job runs with unless told otherwise.
    """

    name: str
    metavar: str
    meaning: str
    default: str | None = None

    @property
    def flag(self) -> str:
        """Returns the flag."""
        return f"--{self.name}"

    @property
    def variable(self) -> str:
        """Returns the environment variable."""
        return f"{VARIABLE_PREFIX}{self.name.upper()}"


_ALL = (
    Setting("kafka_bootstrap_servers", "HOST:PORT[,…]", "Kafka brokers to ask first."),
    Setting("kafka_topics", "TOPIC[,…]", "Topics that the job reads."),
    Setting("contract", "FILE|NAME", "What the payloads mean.", "native"),
    Setting(
        "kafka_config_file",
        "FILE",
        "Java-style properties for the Kafka client; secrets belong there, and nowhere else.",
    ),
    Setting("bigquery_dataset", "PROJECT.DATASET", "Dataset that holds the tables."),
    Setting(
        "bigquery_endpoint", "HOST:PORT", "A local BigQuery stand-in instead of Google's service."
    ),
    Setting("live_dataset", "PROJECT.DATASET", "Dataset of the views that readers ask."),
    Setting("flink", "HOST:PORT", "REST address of Flink's JobManager."),
    Setting("job_endpoint", "HOST:PORT", "Beam's job server, on Flink."),
    Setting("expansion_service", "HOST:PORT", "Beam's Java expansion service, on Flink."),
    Setting("environment_type", "TYPE", "How Beam's runner reaches Python workers, on Flink."),
    Setting("environment_config", "HOST:PORT", "Where it reaches them."),
    Setting("ledger", "FILE", "What the simulator sent and how each record must end."),
    Setting("runner", "RUNNER", "Who runs the job.", "DirectRunner"),
    Setting("parallelism", "N", "Subtasks of each step, on Flink."),
    Setting("shards", "N", "In how many shards ids and accounts are remembered."),
    Setting("dedup_state", "LAYOUT", "How ids are remembered.", "sharded"),
    Setting("bigquery_streams", "N", "Append streams per table."),
    Setting("clock_skew_sec", "SEC", "How far ahead a producer's clock may be.", "300"),
    Setting("allowed_lateness_sec", "SEC", "How late a record may arrive.", "3600"),
    Setting("dead_letter_ratio_max", "RATIO", "Share of invalid records that stops it.", "0.5"),
    Setting("totals_every_sec", "SEC", "How fresh a total is before its minute is over.", "10"),
    Setting("account_memory_sec", "SEC", "How long an account is remembered.", "86400"),
    Setting("checkpointing_interval", "MS", "Time between checkpoints, on Flink.", "5000"),
    Setting("min_pause_between_checkpoints", "MS", "Time between two at least.", "-1"),
    Setting("checkpoint_timeout_millis", "MS", "When a checkpoint is given up.", "120000"),
    Setting("max_bundle_size", "N", "Elements per bundle at most, on Flink.", "1000"),
    Setting("max_bundle_time_mills", "MS", "Time per bundle at most, on Flink.", "1000"),
    Setting("java_parts", "FOLDER", "Jars to expand Java transforms with, on Dataflow."),
    Setting("project", "PROJECT", "Google Cloud project of the job, on Dataflow."),
    Setting("region", "REGION", "Where it runs, on Dataflow."),
    Setting("temp_location", "URI", "Folder of staged files, on Dataflow."),
    Setting("sdk_container_image", "IMAGE", "Image of its workers, on Dataflow."),
)
SETTINGS = {setting.name: setting for setting in _ALL}
# Of these `python -m pipeline` takes all: the rest belong to commands beside it.
OF_THE_JOB = tuple(name for name in SETTINGS if name not in ("live_dataset", "ledger"))
