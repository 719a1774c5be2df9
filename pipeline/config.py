"""The configuration of the job: checked, frozen values (config_values.py, config_rules.py)."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path

from operations.version import VERSION
from pipeline import flink_keys
from pipeline.config_values import ConfigError
from transforms.bigquery.sink import BigQuerySink
from transforms.codecs.contract import fingerprint, shipped
from transforms.codecs.contract.language import Contract
from transforms.deduplicate import StateLayout
from transforms.payment.arrival import Arrival
from transforms.payment.dedup_policy import DedupPolicy
from transforms.payment.number_limits import HORIZON_SEC_MAX, PARTITION_MAX
from transforms.read_kafka import KafkaSource, OffsetRange
from transforms.shard_memory import Memory

RUNNERS = ("DirectRunner", "FlinkRunner", "DataflowRunner")


@dataclasses.dataclass(frozen=True)
class PipelineConfig:
    """Everything the graph and the checks need.

    Attributes:
        runner: one of RUNNERS.
        clock_skew_us: how far ahead a producer's clock may be, microseconds.
        allowed_lateness_us: how late a record may arrive, microseconds.
        dead_letter_ratio_max: share of invalid records in a minute that stops the job, 0 to 1.
        totals_every_sec: time between the panes of a minute's total.
        dedup_state: how ids are remembered, sharded or per_id.
        shards: in how many shards ids and accounts are remembered.
        shards_asked_for: whether a flag said so.
        account_memory_us: how long an account without payments is remembered, microseconds.
        job_endpoint: host:port of the Beam job server, Flink only.
        resume: folder below which the newest checkpoint is where to start, Flink only.
        preflight: whether to check the surroundings before submission.
        continues: whether a savepoint, or the job that is updated, brings the state.
        shadow: whether that is the savepoint of another job, which continues beside this one.
        start_from_tables: folder for what the tables say, when a job begins with that.
        java_parts: folder of jars to expand the Java transforms with, Dataflow only.
        checkpoint_sec: time between checkpoints, Flink only.
        run_id: names this launch in runs and totals_by_minute.
        job_name: names its job on the runner.
        image: container image of this program, None where nobody says.
        flink: host:port of Flink's REST interface, None where nobody says.
        take_over: whether to take the tables from a run that holds them.
        mirrored_topics: whether the topics may have other ids than in the runs before.
        updates: whether the runner replaces the job that runs, Dataflow only.
        savepoint_path: URI of the state to begin with, Flink only.
        memory: ids that are remembered from the start, read back from the tables.
        contract: what the payloads mean.
        version: written to every row.
    """

    runner: str
    source: KafkaSource
    sink: BigQuerySink
    clock_skew_us: int
    allowed_lateness_us: int
    dead_letter_ratio_max: float = 0.5
    totals_every_sec: int = 10
    account_memory_us: int = 86_400_000_000
    dedup_state: StateLayout = "sharded"
    shards: int = 8
    shards_asked_for: bool = False
    job_endpoint: str | None = None
    resume: str | None = None
    preflight: bool = True
    continues: bool = False
    shadow: bool = False
    start_from_tables: str | None = None
    java_parts: Path | None = None
    checkpoint_sec: float = 5.0
    run_id: str = "run"
    job_name: str = "payments"
    image: str | None = None
    flink: str | None = None
    take_over: bool = False
    mirrored_topics: bool = False
    updates: bool = False
    savepoint_path: str | None = None
    memory: Memory | None = None
    contract: Contract = dataclasses.field(default_factory=shipped.native)
    version: str = VERSION

    @property
    def dataset(self) -> str:
        """Returns PROJECT.DATASET of the tables."""
        return f"{self.sink.project}.{self.sink.dataset}"

    @property
    def horizon_us(self) -> int:
        """Returns how long an id is remembered (docs/guarantee.md, "Why no copy counts twice")."""
        return self.allowed_lateness_us + self.clock_skew_us + self.source.arrival.slack_us

    @property
    def dedup_policy(self) -> DedupPolicy:
        """Returns what makes a record a copy of another."""
        contract = self.contract
        return DedupPolicy(self.horizon_us, contract.fact_names, fingerprint.mark(contract))

    @property
    def bigquery_endpoint(self) -> str | None:
        """Returns host:port of a stand-in, None for Google's service."""
        return self.sink.endpoint

    @property
    def shard_keys(self) -> tuple[int, ...]:
        """Returns the key of each shard."""
        return flink_keys.even_keys(self.shards)

    @property
    def stream_keys(self) -> tuple[int, ...]:
        """Returns the key of each append stream; of 3 streams, the first three of four."""
        power = 1 << (self.sink.streams - 1).bit_length()
        return flink_keys.even_keys(power)[: self.sink.streams]

    @property
    def bounded(self) -> bool:
        """Returns whether the job ends by itself."""
        return self.runner == "DirectRunner"

    def watching(self, ranges: Iterable[OffsetRange]) -> PipelineConfig:
        """Returns the configuration of a job that stops when there are more partitions.

        Raises:
            ConfigError: a partition has a number that state cannot hold.
        """
        ranges = list(ranges)
        self.check_partitions(ranges)
        partitions = tuple((span.topic, span.partition) for span in ranges)
        source = dataclasses.replace(self.source, partitions=partitions)
        return dataclasses.replace(self, source=source)

    def reading(self, topic_ids: Mapping[str, str]) -> PipelineConfig:
        """Returns the configuration of a job that stops when a topic is made anew."""
        source = dataclasses.replace(self.source, topic_ids=tuple(sorted(topic_ids.items())))
        return dataclasses.replace(self, source=source)

    @staticmethod
    def check_partitions(ranges: Iterable[OffsetRange]) -> None:
        """Raises ConfigError for a partition whose number state cannot hold."""
        for span in ranges:
            if span.partition > PARTITION_MAX:
                raise ConfigError(
                    f"--kafka_topics: {span.topic} has a partition {span.partition}, and an id is "
                    f"remembered with partitions from 0 to {PARTITION_MAX}."
                )

    def as_the_contract_says(self, arrival: str | None) -> PipelineConfig:
        """Returns the configuration of a job that reads what the contract asks for.

        Args:
            arrival: a flag that says otherwise than the contract; None without one.
        """
        source = dataclasses.replace(
            self.source,
            headers=self.contract.headers,
            arrival=Arrival(arrival or self.contract.arrival),
        )
        return dataclasses.replace(self, source=source)

    def arriving(self, arrival: Arrival) -> PipelineConfig:
        """Returns the configuration of a job that knows arrivals so.

        Raises:
            ConfigError: its horizon does not fit into state.
        """
        source = dataclasses.replace(self.source, arrival=arrival)
        config = dataclasses.replace(self, source=source)
        if config.horizon_us > HORIZON_SEC_MAX * 1_000_000:
            raise ConfigError(
                f"--allowed_lateness_sec, --clock_skew_sec and the bounds of producers' times "
                f"({arrival.slack_sec} s) must be at most {HORIZON_SEC_MAX} s together, got "
                f"{config.horizon_us // 1_000_000}: an id is remembered for all of them. Hint: "
                "narrower bounds (message.timestamp.before.max.ms and after.max.ms)."
            )
        return config

    def expanded_at(self, address: str) -> PipelineConfig:
        """Returns the configuration with another expansion service, host:port."""
        source = dataclasses.replace(self.source, expansion_service=address)
        return dataclasses.replace(self, source=source)
