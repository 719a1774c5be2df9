"""The rules that span flags, and what a runner asks of its own."""

from __future__ import annotations

from collections.abc import Iterator

from apache_beam.options.pipeline_options import (
    FlinkRunnerOptions,
    GoogleCloudOptions,
    PipelineOptions,
    SetupOptions,
    WorkerOptions,
)

from operations import flag_types
from pipeline import flink_keys
from pipeline.config import PipelineConfig
from pipeline.config_values import in_range, problems_of, read_as
from pipeline.options import FlinkOptions
from transforms.kafka import properties as kafka_properties


def problems(config: PipelineConfig, options: PipelineOptions) -> Iterator[str]:
    """Yields what is wrong between flags, and with a runner's own."""
    yield from _check_states(config)
    if config.source.arrival.is_bounded and not config.preflight:
        yield (
            f"--arrival={config.source.arrival.mode} needs the bounds of the topics, which the "
            "preflight reads, so it cannot go with --no_preflight."
        )
    yield from _check_contract(config)
    if config.resume is not None:
        yield from _check_resume(config, options)
    if config.shadow:
        yield from _check_shadow(config, options)
    if config.start_from_tables is not None:
        yield from _check_start_from_tables(config)
    if config.runner == "FlinkRunner":
        yield from _check_flink(config, options)
    if config.java_parts is not None:
        yield from _check_java_parts(config)
    if config.runner == "DataflowRunner":
        yield from _check_dataflow(config, options)


def _check_states(config: PipelineConfig) -> Iterator[str]:
    """Refuses a state that the runner would not look at."""
    for flag, given, runner in (
        ("--savepoint_path", config.savepoint_path is not None, "FlinkRunner"),
        ("--update", config.updates, "DataflowRunner"),
    ):
        if given and config.runner != runner:
            yield (
                f"{flag} is for {runner}, got {config.runner}, which would begin with nothing "
                "and count everything again."
            )


def _check_contract(config: PipelineConfig) -> Iterator[str]:
    """Refuses what the contract asks for and the job does not do."""
    contract = config.contract
    others = sorted(set(config.source.topics) - set(contract.topics))
    if contract.topics and others:
        yield (
            f"--kafka_topics must be topics that contract {contract.name} is for "
            f"({', '.join(contract.topics)}), got {', '.join(others)}. Hint: a contract of its own "
            "for other payloads, in a job and dataset of its own."
        )


def _check_java_parts(config: PipelineConfig) -> Iterator[str]:
    if config.runner != "DataflowRunner":
        yield (
            "--java_parts is for DataflowRunner, which starts Java workers by itself. Hint: "
            f"{config.runner} needs --expansion_service, with workers beside it."
        )
    if config.source.expansion_service:
        yield "--java_parts and --expansion_service do the same: drop one of them."


def _check_start_from_tables(config: PipelineConfig) -> Iterator[str]:
    if config.continues:
        yield (
            "--start_from_tables is for a job whose state is lost, got a state to go on with "
            "as well. Hint: drop one of the two; the state is the better choice."
        )
    if config.dedup_state != "sharded":
        yield (
            "--start_from_tables needs --dedup_state=sharded, got "
            f"{config.dedup_state}: the plain layout cannot begin with a memory."
        )
    if not config.preflight:
        yield (
            "--start_from_tables reads Kafka and BigQuery before it submits, so it cannot go "
            "with --no_preflight."
        )


def _check_shadow(config: PipelineConfig, options: PipelineOptions) -> Iterator[str]:
    if not config.shards_asked_for:
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
    if not config.preflight:
        yield (
            "--shadow asks the tables whether they are empty before it submits, so it cannot "
            "go with --no_preflight."
        )


def _check_resume(config: PipelineConfig, options: PipelineOptions) -> Iterator[str]:
    if config.runner != "FlinkRunner":
        yield f"--resume is for FlinkRunner: {config.runner} keeps no checkpoints."
    if not config.resume:
        yield "--resume must name a folder, got nothing."
    if options.view_as(FlinkOptions).savepoint_path:
        yield (
            "--resume finds the newest checkpoint by itself; --savepoint_path names one. Give "
            "one of them."
        )


def _check_flink(config: PipelineConfig, options: PipelineOptions) -> Iterator[str]:
    for flag, value in (
        ("--job_endpoint", config.job_endpoint),
        ("--expansion_service", config.source.expansion_service),
    ):
        if not value:
            yield (
                f"{flag} is required on FlinkRunner, got nothing. Hint: `python -m sandbox "
                "flags` prints it for a running sandbox."
            )
    if config.job_endpoint:  # the expansion service's address has been looked at
        yield from problems_of(read_as, flag_types.host_port, "--job_endpoint", config.job_endpoint)
    flink = options.view_as(FlinkOptions)
    for name in (
        "checkpointing_interval",
        "min_pause_between_checkpoints",
        "checkpoint_timeout_millis",
        "max_bundle_size",
        "max_bundle_time_mills",
    ):
        yield from problems_of(in_range, f"--{name}", getattr(flink, name))
    parallelism = options.view_as(FlinkRunnerOptions).parallelism
    if parallelism != -1 and not 1 <= parallelism <= flink_keys.COUNT_MAX:
        yield (
            f"--parallelism must be from 1 to {flink_keys.COUNT_MAX}, got {parallelism}. Hint: "
            "there are at most as many shards and streams."
        )


def _check_dataflow(config: PipelineConfig, options: PipelineOptions) -> Iterator[str]:
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
    referring = kafka_properties.referring(config.source.properties)
    if referring:
        yield (
            f"--kafka_config_file holds secrets ({', '.join(referring)}) that Dataflow's "
            "workers would read from that file, and they have no such file. Hint: "
            "docs/launch.md, 'Kafka from Dataflow', lists the ways without one."
        )
