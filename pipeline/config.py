"""The configuration of the job: checked, frozen values. Every rule that spans flags is here."""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from apache_beam.options.pipeline_options import (
    FlinkRunnerOptions,
    GoogleCloudOptions,
    PipelineOptions,
    PortableOptions,
    SetupOptions,
    StandardOptions,
    WorkerOptions,
)

from operations import flag_ranges, flag_types, places
from operations.version import VERSION
from pipeline import flink_keys
from pipeline.options import (
    FlinkOptions,
    LaunchOptions,
    ReadKafkaOptions,
    RulesOptions,
    WriteBigQueryOptions,
)
from transforms.bigquery.sink import BigQuerySink
from transforms.deduplicate import StateLayout
from transforms.kafka import properties as kafka_properties
from transforms.payment.number_limits import PARTITION_MAX
from transforms.read_kafka import KafkaSource, OffsetRange
from transforms.shard_memory import Memory

T = TypeVar("T")
# Dataflow adds workers by itself, and a key is worked on by one thread at a time: 32 threads that
# append and 128 shards are room for eight workers of four cores.
_DATAFLOW_PARALLELISM = 32
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
RUNNERS = ("DirectRunner", "FlinkRunner", "DataflowRunner")


class ConfigError(ValueError):
    """Mistakes in the flags: each says what was required, what was received, and a hint.

    Attributes:
        problems: a line for each, so that all can be put right at once.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("\nerror: ".join(problems))  # as programs print the first
        self.problems = problems


class _Problems(list[str]):
    """What is wrong, gathered; a value that is wrong is given by a stand-in that nobody uses."""

    def instead(self, stand_in: T, check: Callable[..., T], *arguments: Any) -> T:
        """Returns what `check` returns; the stand-in when it raises ConfigError."""
        try:
            return check(*arguments)
        except ConfigError as error:
            self += error.problems
            return stand_in

    def given(self, stand_in: T, kind: Callable[[str], T], flag: str, value: str | None) -> T:
        """Returns what a flag says, the stand-in where it says nothing."""
        return self.instead(stand_in, _as, kind, flag, value) if value else stand_in

    def in_range(self, flag: str, value: int) -> int:
        """Returns a number if it is in the range of its flag."""
        return self.instead(0, _in_range, flag, value)

    def address(self, flag: str, value: str | None) -> str | None:
        """Returns host:port; an empty flag is a mistake, not a flag left out."""
        if value is None:
            return None
        return self.instead(value, _as, flag_types.host_port, flag, value)

    def place(self, flag: str, value: str | None) -> str | None:
        """Returns a folder as Beam takes it."""
        return self.instead(None, _place, flag, value)

    def source(
        self, kafka: ReadKafkaOptions, launch: LaunchOptions, runner: str, group: str
    ) -> KafkaSource:
        """Returns what to read."""
        servers = kafka.kafka_bootstrap_servers
        return KafkaSource(
            bootstrap_servers=self.given(
                "", flag_types.servers, "--kafka_bootstrap_servers", servers
            ),
            topics=self.given((), flag_types.topics, "--kafka_topics", kafka.kafka_topics),
            properties=self.instead({}, _properties, kafka.kafka_config_file),
            expansion_service=self.address("--expansion_service", launch.expansion_service),
            group=None if launch.no_preflight else group,
            framed=runner == "FlinkRunner",
        )


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
    version: str = VERSION

    @property
    def dataset(self) -> str:
        """Returns PROJECT.DATASET of the tables."""
        return f"{self.sink.project}.{self.sink.dataset}"

    @property
    def horizon_us(self) -> int:
        """Returns how long an id is remembered (docs/guarantee.md, "Why no copy counts twice")."""
        return self.allowed_lateness_us + self.clock_skew_us

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

    def expanded_at(self, address: str) -> PipelineConfig:
        """Returns the configuration with another expansion service, host:port."""
        source = dataclasses.replace(self.source, expansion_service=address)
        return dataclasses.replace(self, source=source)

    @classmethod
    def from_options(cls, options: PipelineOptions) -> PipelineConfig:
        """Returns the checked configuration.

        Raises:
            ConfigError: a flag is missing, malformed or contradicts another.
        """
        kafka = options.view_as(ReadKafkaOptions)
        rules = options.view_as(RulesOptions)
        write = options.view_as(WriteBigQueryOptions)
        launch = options.view_as(LaunchOptions)
        flink = options.view_as(FlinkOptions)
        wrong = _Problems()
        runner = _runner(options)
        wrong += _missing(
            kafka_bootstrap_servers=kafka.kafka_bootstrap_servers,
            kafka_topics=kafka.kafka_topics,
            bigquery_dataset=write.bigquery_dataset,
        )
        project, dataset = wrong.given(
            ("", ""), flag_types.dataset, "--bigquery_dataset", write.bigquery_dataset
        )
        run_id = wrong.instead("", _run_id, launch.run_id)
        token = secrets.token_hex(4)
        config = cls(
            runner=runner,
            source=wrong.source(kafka, launch, runner, f"payments-{project}.{dataset}"),
            sink=BigQuerySink(
                project=project,
                dataset=dataset,
                streams=wrong.instead(1, _streams, write.bigquery_streams, options),
                endpoint=wrong.address("--bigquery_endpoint", write.bigquery_endpoint),
                trace_id=f"payments:{VERSION}",
                claim_id=None if launch.no_preflight else f"{run_id}/{token}",
            ),
            clock_skew_us=wrong.in_range("--clock_skew_sec", rules.clock_skew_sec) * 1_000_000,
            allowed_lateness_us=wrong.instead(0, _lateness_sec, rules) * 1_000_000,
            dead_letter_ratio_max=wrong.instead(
                0.0, _ratio, "--dead_letter_ratio_max", rules.dead_letter_ratio_max
            ),
            totals_every_sec=wrong.in_range("--totals_every_sec", rules.totals_every_sec),
            account_memory_us=wrong.in_range("--account_memory_sec", rules.account_memory_sec)
            * 1_000_000,
            dedup_state=rules.dedup_state,
            shards=wrong.instead(1, _shards, rules.shards, options),
            shards_asked_for=rules.shards is not None,
            job_endpoint=options.view_as(PortableOptions).job_endpoint,
            resume=flink.resume,
            preflight=not launch.no_preflight,
            continues=_continues(options),
            shadow=flink.allow_non_restored_state,
            start_from_tables=wrong.place("--start_from_tables", launch.start_from_tables),
            java_parts=None if launch.java_parts is None else Path(launch.java_parts),
            checkpoint_sec=flink.checkpointing_interval / 1_000,
            run_id=run_id,
            job_name=options.view_as(GoogleCloudOptions).job_name
            or _job_name(runner, f"{project}.{dataset}", run_id, token),
            image=_image(options),
            flink=wrong.address("--flink", flink.flink),
            take_over=launch.take_over,
            mirrored_topics=launch.mirrored_topics,
            updates=options.view_as(GoogleCloudOptions).update,
            savepoint_path=flink.savepoint_path,
        )
        wrong.place("--savepoint_path", flink.savepoint_path)
        wrong += config._problems(options)
        if wrong:
            raise ConfigError(*wrong)
        return config

    def _problems(self, options: PipelineOptions) -> Iterator[str]:
        """Yields what is wrong between flags, and with a runner's own."""
        yield from self._check_states()
        if self.resume is not None:
            yield from self._check_resume(options)
        if self.shadow:
            yield from self._check_shadow(options)
        if self.start_from_tables is not None:
            yield from self._check_start_from_tables()
        if self.runner == "FlinkRunner":
            yield from self._check_flink(options)
        if self.java_parts is not None:
            yield from self._check_java_parts()
        if self.runner == "DataflowRunner":
            yield from self._check_dataflow(options)

    def _check_states(self) -> Iterator[str]:
        """Refuses a state that the runner would not look at."""
        for flag, given, runner in (
            ("--savepoint_path", self.savepoint_path is not None, "FlinkRunner"),
            ("--update", self.updates, "DataflowRunner"),
        ):
            if given and self.runner != runner:
                yield (
                    f"{flag} is for {runner}, got {self.runner}, which would begin with nothing "
                    "and count everything again."
                )

    def _check_java_parts(self) -> Iterator[str]:
        if self.runner != "DataflowRunner":
            yield (
                "--java_parts is for DataflowRunner, which starts Java workers by itself. Hint: "
                f"{self.runner} needs --expansion_service, with workers beside it."
            )
        if self.source.expansion_service:
            yield "--java_parts and --expansion_service do the same: drop one of them."

    def _check_start_from_tables(self) -> Iterator[str]:
        if self.continues:
            yield (
                "--start_from_tables is for a job whose state is lost, got a state to go on with "
                "as well. Hint: drop one of the two; the state is the better choice."
            )
        if self.dedup_state != "sharded":
            yield (
                "--start_from_tables needs --dedup_state=sharded, got "
                f"{self.dedup_state}: the plain layout cannot begin with a memory."
            )
        if not self.preflight:
            yield (
                "--start_from_tables reads Kafka and BigQuery before it submits, so it cannot go "
                "with --no_preflight."
            )

    def _check_shadow(self, options: PipelineOptions) -> Iterator[str]:
        if not self.shards_asked_for:
            yield (
                "--shadow needs --shards, the number that the other job has: with another one "
                "Flink would drop all that it remembers. Hint: the other job said it at its start, "
                "and its graph in Flink names 'Batch for N shards'."
            )
        if not options.view_as(FlinkOptions).savepoint_path:
            yield (
                "--shadow needs --savepoint_path, got none. Hint: `payments rollout "
                "savepoint` takes one of the job that runs."
            )
        if not self.preflight:
            yield (
                "--shadow asks the tables whether they are empty before it submits, so it cannot "
                "go with --no_preflight."
            )

    def _check_resume(self, options: PipelineOptions) -> Iterator[str]:
        if self.runner != "FlinkRunner":
            yield f"--resume is for FlinkRunner: {self.runner} keeps no checkpoints."
        if not self.resume:
            yield "--resume must name a folder, got nothing."
        if options.view_as(FlinkOptions).savepoint_path:
            yield (
                "--resume finds the newest checkpoint by itself; --savepoint_path names one. Give "
                "one of them."
            )

    def _check_flink(self, options: PipelineOptions) -> Iterator[str]:
        for flag, value in (
            ("--job_endpoint", self.job_endpoint),
            ("--expansion_service", self.source.expansion_service),
        ):
            if not value:
                yield (
                    f"{flag} is required on FlinkRunner, got nothing. Hint: `python -m sandbox "
                    "flags` prints it for a running sandbox."
                )
        if self.job_endpoint:  # the expansion service's address has been looked at
            yield from _problems_of(_as, flag_types.host_port, "--job_endpoint", self.job_endpoint)
        flink = options.view_as(FlinkOptions)
        for name in (
            "checkpointing_interval",
            "min_pause_between_checkpoints",
            "checkpoint_timeout_millis",
            "max_bundle_size",
            "max_bundle_time_mills",
        ):
            yield from _problems_of(_in_range, f"--{name}", getattr(flink, name))
        parallelism = options.view_as(FlinkRunnerOptions).parallelism
        if parallelism != -1 and not 1 <= parallelism <= flink_keys.COUNT_MAX:
            yield (
                f"--parallelism must be from 1 to {flink_keys.COUNT_MAX}, got {parallelism}. Hint: "
                "there are at most as many shards and streams."
            )

    def _check_dataflow(self, options: PipelineOptions) -> Iterator[str]:
        cloud = options.view_as(GoogleCloudOptions)
        for name in ("project", "region", "temp_location"):
            if not getattr(cloud, name):
                yield (
                    f"--{name} is required on DataflowRunner, got nothing. Hint: the project that "
                    "pays, a region such as europe-west1, and a gs:// folder for staged files."
                )
        services = cloud.dataflow_service_options or []
        if mode := [each for each in services if each.startswith("streaming_mode")]:
            yield (
                f"--dataflow_service_options must not choose a streaming mode, got {mode[0]}: it "
                "is streaming_mode_exactly_once, always."
            )
        if not (
            options.view_as(WorkerOptions).sdk_container_image
            or options.view_as(SetupOptions).setup_file
        ):
            yield (
                "Dataflow's workers need this program: give --sdk_container_image (make "
                "template-build) or --setup_file=./setup.py, got neither."
            )
        referring = kafka_properties.referring(self.source.properties)
        if referring:
            yield (
                f"--kafka_config_file holds secrets ({', '.join(referring)}) that Dataflow's "
                "workers would read from that file, and they have no such file. Hint: "
                "docs/launch.md, 'Kafka from Dataflow', lists the ways without one."
            )


def _continues(options: PipelineOptions) -> bool:
    flink = options.view_as(FlinkOptions)
    brings_state = (
        options.view_as(GoogleCloudOptions).update,
        flink.savepoint_path is not None,
        flink.resume is not None,
    )
    return any(brings_state)


def _run_id(asked: str | None) -> str:
    """Returns the name asked for, or one that no other launch has and that sorts by time."""
    if asked is None:
        return f"{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
    if not _RUN_ID.fullmatch(asked):
        raise ConfigError(
            "--run_id must be 1 to 63 letters, digits, hyphens or underscores, beginning with a "
            f"letter or digit, got {asked!r}."
        )
    return asked


def _job_name(runner: str, dataset: str, run_id: str, token: str) -> str:
    """Returns a name that says whose job it is; a claim finds its job by it, so it is its own."""
    name = f"payments-{dataset}-{run_id}-{token}"
    # Dataflow takes small letters, digits and hyphens.
    return re.sub(r"[^a-z0-9]+", "-", name.lower()) if runner == "DataflowRunner" else name


def _image(options: PipelineOptions) -> str | None:
    """Returns the image of this program: Dataflow is told which, our own images say so."""
    asked: str | None = options.view_as(WorkerOptions).sdk_container_image
    return asked or os.environ.get("PAYMENTS_IMAGE")


def _runner(options: PipelineOptions) -> str:
    runner: str = options.view_as(StandardOptions).runner or "DirectRunner"
    if runner not in RUNNERS:
        raise ConfigError(f"--runner must be one of {', '.join(RUNNERS)}, got {runner!r}.")
    return runner


def _missing(**values: str | None) -> Iterator[str]:
    """Yields what to say of flags that must be there and are not: all of them in a line."""
    missing = [f"--{name}" for name, value in values.items() if not value]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        yield (
            f"{' and '.join(missing)} {verb} required. Hint: a flag, a variable (PAYMENTS_…) or a "
            "key of --config FILE says it."
        )


def _problems_of(check: Callable[..., object], *arguments: Any) -> tuple[str, ...]:
    """Returns what `check` says against its arguments."""
    try:
        check(*arguments)
    except ConfigError as error:
        return error.problems
    return ()


def _as(kind: Callable[[str], T], flag: str, value: str) -> T:
    """Returns what the flag says, as the tools read the same one (flag_types.py)."""
    try:
        return kind(value)
    except argparse.ArgumentTypeError as error:
        raise ConfigError(f"{flag} {error}.") from None


def _place(flag: str, value: str | None) -> str | None:
    """Returns a folder as Beam takes it; an empty flag is a mistake, not a flag left out."""
    try:
        return None if value is None else places.for_beam(value)
    except ValueError as error:
        raise ConfigError(f"{flag} {error}.") from None


def _in_range(flag: str, value: int) -> int:
    problem = flag_ranges.problem(flag, value)
    if problem:
        raise ConfigError(problem)
    return value


def _lateness_sec(rules: RulesOptions) -> int:
    lateness_sec: int = rules.allowed_lateness_sec
    # A skew that is wrong by itself is told as such, and says nothing of the lateness.
    if not flag_ranges.problem("--clock_skew_sec", rules.clock_skew_sec):
        problem = flag_ranges.problem_of_horizon(lateness_sec, rules.clock_skew_sec)
        if problem:
            raise ConfigError(problem)
    return _in_range("--allowed_lateness_sec", lateness_sec)


def _streams(asked: int | None, options: PipelineOptions) -> int:
    if asked is None:
        return min(flink_keys.COUNT_MAX, max(2, _parallelism(options)))
    if not 1 <= asked <= flink_keys.COUNT_MAX:
        raise ConfigError(
            f"--bigquery_streams must be from 1 to {flink_keys.COUNT_MAX}, got {asked}."
        )
    return asked


def _parallelism(options: PipelineOptions) -> int:
    """Returns how many subtasks there will be; -1 where nobody says."""
    if _runner(options) == "DataflowRunner":
        return _DATAFLOW_PARALLELISM
    parallelism: int = options.view_as(FlinkRunnerOptions).parallelism
    return parallelism


def _shards(asked: int | None, options: PipelineOptions) -> int:
    if asked is None:
        return flink_keys.count_for(_parallelism(options))
    if not 1 <= asked <= flink_keys.COUNT_MAX or asked & (asked - 1):
        raise ConfigError(
            f"--shards must be a power of two from 1 to {flink_keys.COUNT_MAX}, got {asked}."
        )
    return asked


def _ratio(flag: str, value: float) -> float:
    if not 0 <= value <= 1:
        raise ConfigError(f"{flag} must be a share from 0 to 1, got {value:g}.")
    return value


def _properties(path: str | None) -> dict[str, str]:
    try:
        return kafka_properties.load(path)
    except kafka_properties.PropertiesError as error:
        raise ConfigError(f"--kafka_config_file: {error}") from None
