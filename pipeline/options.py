"""The flags of the job: names, defaults and help only. config_values.py checks them."""

from __future__ import annotations

import argparse

from apache_beam.options.pipeline_options import PipelineOptions

from transforms.payment.arrival import ARRIVALS
from transforms.payment.tables import TABLES


class ReadKafkaOptions(PipelineOptions):
    """Flags of step ReadKafka."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        group = parser.add_argument_group("read Kafka")
        group.add_argument(
            "--kafka_bootstrap_servers",
            metavar="HOST:PORT[,…]",
            help="Kafka brokers to ask first. Required.",
        )
        group.add_argument(
            "--kafka_topics",
            metavar="TOPIC[,…]",
            help="Topics to read, each with message.timestamp.type=LogAppendTime, or as --arrival "
            "says. Required.",
        )
        group.add_argument(
            "--arrival",
            choices=ARRIVALS,
            help="Whose times say when records arrived: the broker's, or producers' on topics "
            "whose broker keeps them within bounds (message.timestamp.before.max.ms and "
            "after.max.ms); docs/guarantee.md, Arrival (default: as the contract says).",
        )
        group.add_argument(
            "--kafka_config_file",
            metavar="FILE",
            help="Java-style properties for the Kafka client: security.protocol, sasl.mechanism, "
            "sasl.jaas.config, ssl.truststore.location (PEM). Secrets belong here, never on the "
            "command line; the job refers to them by this path, so it must be the same wherever "
            "Kafka is read.",
        )


class DecodeOptions(PipelineOptions):
    """Flags of step DecodeTransaction."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        group = parser.add_argument_group("decode")
        group.add_argument(
            "--contract",
            default="native",
            metavar="FILE|NAME",
            help="What the payloads mean: a contract file, also gs://…, or the name of one that "
            "comes along (`payments contract init --help` lists them). It is read at the launch "
            "and goes along with the job. `payments contract check` tries it on samples "
            "(docs/your_payments.md). Default: %(default)s, our own JSON.",
        )


class RulesOptions(PipelineOptions):
    """Flags of the steps that decide."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        group = parser.add_argument_group("validate, split late, deduplicate, score fraud")
        group.add_argument(
            "--clock_skew_sec",
            type=int,
            default=300,
            metavar="SEC",
            help="How far ahead of the broker a producer's clock may be; an event time further in "
            "the future makes a record invalid (default: %(default)s).",
        )
        group.add_argument(
            "--allowed_lateness_sec",
            type=int,
            default=3_600,
            metavar="SEC",
            help="How long after its event time a record may arrive; later ones end in "
            "late_transactions (default: %(default)s). An id is remembered for this plus the "
            "clock skew.",
        )
        group.add_argument(
            "--dedup_state",
            choices=("sharded", "per_id"),
            default="sharded",
            help="How ids are remembered: sharded is fast and takes 40 bytes per id, per_id is the "
            "plain reference (default: %(default)s). A job cannot change it without losing its "
            "memory.",
        )
        group.add_argument(
            "--shards",
            type=int,
            metavar="N",
            help="In how many shards ids and accounts are remembered: a power of two up to 512, at "
            "least the greatest parallelism that the job will ever have. Kept with the state, so "
            "only a new start can choose it (default: four for each subtask, at least 8; 128 on "
            "Dataflow).",
        )
        group.add_argument(
            "--dead_letter_ratio_max",
            type=float,
            default=0.5,
            metavar="RATIO",
            help="Stops the job when a larger share of the records that arrived in one minute is "
            "invalid, once there are 100: a bad deploy must not empty the topic into dead_letters "
            "(default: %(default)s; 1 never stops it).",
        )
        group.add_argument(
            "--totals_every_sec",
            type=int,
            default=10,
            metavar="SEC",
            help="How fresh a total is before its minute is over, and after it for payments that "
            "come late. Each pane is a row: fewer seconds make more rows (default: %(default)s).",
        )
        group.add_argument(
            "--account_memory_sec",
            type=int,
            default=86_400,
            metavar="SEC",
            help="How long an account without payments is remembered for fraud indicators "
            "(default: %(default)s).",
        )


class WriteBigQueryOptions(PipelineOptions):
    """Flags of step WriteBigQuery."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        group = parser.add_argument_group("write BigQuery")
        names = ", ".join(table.name for table in TABLES)
        group.add_argument(
            "--bigquery_dataset",
            metavar="PROJECT.DATASET",
            help=f"Dataset that holds the tables {names}; make them with "
            "`payments tables create`. Required.",
        )
        group.add_argument(
            "--bigquery_endpoint",
            metavar="HOST:PORT",
            help="A local BigQuery stand-in instead of Google's service, reached without TLS.",
        )
        group.add_argument(
            "--bigquery_streams",
            type=int,
            metavar="N",
            help="Append streams per table (default: one for each subtask, at least 2; 32 on "
            "Dataflow).",
        )


class LaunchOptions(PipelineOptions):
    """Flags that say how the job is launched."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        group = parser.add_argument_group("launch")
        group.add_argument(
            "--expansion_service",
            metavar="HOST:PORT",
            help="Service that expands the Java read of Kafka. Without it Beam downloads one. "
            "Required on Flink, where it must run with --experiments=use_deprecated_read; not used "
            "on DirectRunner, which needs no Java.",
        )
        group.add_argument(
            "--java_parts",
            metavar="FOLDER",
            help="On Dataflow, instead of --expansion_service: a folder of jars to start one from "
            "for as long as the submission takes. The Flex Template sets it; `make setup` makes "
            "one in .tools/jars/expansion.",
        )
        group.add_argument(
            "--no_preflight",
            action="store_true",
            help="Neither check topics, tables and services before submitting nor claim the "
            "tables: for launchers that cannot reach them. A new job then begins at the earliest "
            "record, whatever the tables hold, and two of them count everything twice.",
        )
        group.add_argument(
            "--run_id",
            metavar="NAME",
            help="Names this launch in the table `runs`. One that is repeated, as a Kubernetes Job "
            "or a CI retry does, finds its job and ends with 0 (default: a new name).",
        )
        group.add_argument(
            "--take_over",
            action="store_true",
            help="Take the tables from a run that holds them; that run makes no more rows visible. "
            "Needed when it cannot be known whether its job has ended.",
        )
        group.add_argument(
            "--mirrored_topics",
            action="store_true",
            help="The topics are copies that keep offsets, as after a change of region, so Kafka's "
            "ids of them may differ from those that the tables were counted from. Without it such "
            "a topic is refused, for one that was made anew begins its offsets again.",
        )
        group.add_argument(
            "--start_from_tables",
            metavar="FOLDER",
            help="For a job whose state is lost: go on with what the tables hold, counting nothing "
            "again. Ids of the last horizon are read back into this folder (a path or URI that "
            "workers reach too), and each topic is read from where the tables end. No other job "
            "may be writing.",
        )


class FlinkOptions(PipelineOptions):
    """Flags that the Flink job server takes; declared here so that a typing error is found."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        group = parser.add_argument_group("FlinkRunner (with Beam's --job_endpoint, --parallelism)")
        group.add_argument(
            "--flink",
            metavar="HOST:PORT",
            help="REST address of Flink's JobManager, to tell how the job fares and each of its "
            "failures while it is waited for, and to ask whether the job of an earlier run has "
            "ended. Without it a launch onto tables that a run holds needs --take_over.",
        )
        group.add_argument(
            "--checkpointing_interval",
            type=int,
            default=5_000,
            metavar="MS",
            help="Milliseconds between checkpoints; rows become visible at a checkpoint, so this "
            "is the floor of the latency (default: %(default)s).",
        )
        group.add_argument(
            "--min_pause_between_checkpoints",
            type=int,
            default=-1,
            metavar="MS",
            help="Milliseconds at least from the end of a checkpoint, or from a start, to the next "
            "one (default: %(default)s, no pause).",
        )
        group.add_argument(
            "--checkpoint_timeout_millis",
            type=int,
            default=120_000,
            metavar="MS",
            help="A checkpoint that takes longer is given up (default: %(default)s).",
        )
        group.add_argument(
            "--savepoint_path",
            metavar="URI",
            help="Checkpoint or savepoint to start from.",
        )
        group.add_argument(
            "--resume",
            metavar="FOLDER",
            help="Start from the newest checkpoint or savepoint below this folder (a path or URI), "
            "as after a power cut. It must be the newest of the job that wrote to these tables.",
        )
        # Flink's own name for it is no flag of ours: on the tables of a running job it would drop
        # rows, and a renamed state with them (docs/decisions/0014).
        group.add_argument(
            "--shadow",
            dest="allow_non_restored_state",
            action="store_true",
            help="Start from the savepoint of another job, beside that job, into empty tables of "
            "our own; rows that were on their way to its tables stay its own. `payments "
            "rollout --help` shows what for.",
        )
        group.add_argument(
            "--max_bundle_size",
            type=int,
            default=1_000,
            metavar="N",
            help="Elements per bundle at most, which are frames of up to 500 records "
            "(default: %(default)s). More could stop the job for ever.",
        )
        group.add_argument(
            "--max_bundle_time_mills",
            type=int,
            default=1_000,
            metavar="MS",
            help="Milliseconds per bundle at most; spelt as in Beam (default: %(default)s). Fewer "
            "make rows queryable sooner, more give a higher rate (docs/performance.md).",
        )
        # Without it the bundle that a checkpoint ends lets its watermark go ahead of its records:
        # timers then forget ids whose copies are just behind, and those count twice.
        group.add_argument(
            "--finish_bundle_before_checkpointing",
            action="store_true",
            default=True,
            help="Always on: a watermark must never overtake records.",
        )
        # Without it Flink encodes and decodes each element again between any two operators of a
        # task, lest one changes what the other holds. Ours are bytes that nobody changes: users'
        # code runs in workers, not in TaskManagers.
        group.add_argument(
            "--faster_copy",
            action="store_true",
            default=True,
            help="Always on: elements pass from operator to operator as they are.",
        )


OWN_OPTIONS = (
    ReadKafkaOptions,
    DecodeOptions,
    RulesOptions,
    WriteBigQueryOptions,
    LaunchOptions,
    FlinkOptions,
)
