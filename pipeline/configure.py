"""Makes the configuration of the flags: each value checked, then the rules between them."""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path

from apache_beam.options.pipeline_options import (
    FlinkRunnerOptions,
    GoogleCloudOptions,
    PipelineOptions,
    PortableOptions,
    StandardOptions,
    WorkerOptions,
)

from operations import flag_types
from operations.version import VERSION
from pipeline import config_rules, config_values, contract_file
from pipeline.config import RUNNERS, PipelineConfig
from pipeline.config_values import ConfigError, Problems
from pipeline.options import (
    DecodeOptions,
    FlinkOptions,
    LaunchOptions,
    ReadKafkaOptions,
    RulesOptions,
    WriteBigQueryOptions,
)
from transforms.bigquery.sink import BigQuerySink
from transforms.codecs.contract import shipped

# Dataflow adds workers by itself, and a key is worked on by one thread at a time: 32 threads that
# append and 128 shards are room for eight workers of four cores.
_DATAFLOW_PARALLELISM = 32


def from_options(options: PipelineOptions) -> PipelineConfig:
    """Returns the checked configuration.

    Raises:
        ConfigError: a flag is missing, malformed or contradicts another.
    """
    kafka = options.view_as(ReadKafkaOptions)
    rules = options.view_as(RulesOptions)
    write = options.view_as(WriteBigQueryOptions)
    launch = options.view_as(LaunchOptions)
    flink = options.view_as(FlinkOptions)
    wrong = Problems()
    runner = _runner(options)
    parallelism = _parallelism(runner, options)
    wrong += config_values.missing(
        kafka_bootstrap_servers=kafka.kafka_bootstrap_servers,
        kafka_topics=kafka.kafka_topics,
        bigquery_dataset=write.bigquery_dataset,
    )
    project, dataset = wrong.given(
        ("", ""), flag_types.dataset, "--bigquery_dataset", write.bigquery_dataset
    )
    run_id = wrong.instead("", config_values.run_id, launch.run_id)
    token = secrets.token_hex(4)
    config = PipelineConfig(
        runner=runner,
        source=wrong.source(kafka, launch, runner, f"payments-{project}.{dataset}"),
        sink=BigQuerySink(
            project=project,
            dataset=dataset,
            streams=wrong.instead(1, config_values.streams, write.bigquery_streams, parallelism),
            endpoint=wrong.address("--bigquery_endpoint", write.bigquery_endpoint),
            trace_id=f"payments:{VERSION}",
            claim_id=None if launch.no_preflight else f"{run_id}/{token}",
        ),
        contract=wrong.instead(
            shipped.native(),
            contract_file.contract,
            options.view_as(DecodeOptions).contract,
        ),
        clock_skew_us=wrong.in_range("--clock_skew_sec", rules.clock_skew_sec) * 1_000_000,
        allowed_lateness_us=wrong.instead(0, config_values.lateness_sec, rules) * 1_000_000,
        dead_letter_ratio_max=wrong.instead(
            0.0, config_values.ratio, "--dead_letter_ratio_max", rules.dead_letter_ratio_max
        ),
        totals_every_sec=wrong.in_range("--totals_every_sec", rules.totals_every_sec),
        account_memory_us=wrong.in_range("--account_memory_sec", rules.account_memory_sec)
        * 1_000_000,
        dedup_state=rules.dedup_state,
        shards=wrong.instead(1, config_values.shards, rules.shards, parallelism),
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
    config = config.as_the_contract_says(kafka.arrival)
    wrong.place("--savepoint_path", flink.savepoint_path)
    wrong += config_rules.problems(config, options)
    if wrong:
        raise ConfigError(*wrong)
    return config


def _continues(options: PipelineOptions) -> bool:
    flink = options.view_as(FlinkOptions)
    brings_state = (
        options.view_as(GoogleCloudOptions).update,
        flink.savepoint_path is not None,
        flink.resume is not None,
    )
    return any(brings_state)


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


def _parallelism(runner: str, options: PipelineOptions) -> int:
    """Returns how many subtasks there will be; -1 where nobody says."""
    if runner == "DataflowRunner":
        return _DATAFLOW_PARALLELISM
    parallelism: int = options.view_as(FlinkRunnerOptions).parallelism
    return parallelism
