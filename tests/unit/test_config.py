"""Flags that contradict each other are refused before any service is asked."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.options.pipeline_options_validator import (
    PipelineOptionsValidator as OptionsValidator,
)
from google.auth.exceptions import DefaultCredentialsError

from payments import exit_codes
from pipeline import configure, main, runners
from pipeline.config import PipelineConfig
from pipeline.config_values import ConfigError
from pipeline.launch import stops
from transforms.limit_dead_letters import TooManyDeadLetters
from transforms.read_kafka import consumer_config

REQUIRED = [
    "--kafka_bootstrap_servers=broker:9092",
    "--kafka_topics=payments",
    "--bigquery_dataset=my-project.payments",
]
FLINK = [*REQUIRED, "--runner=FlinkRunner", "--job_endpoint=j:1", "--expansion_service=e:1"]

DATAFLOW = [
    *REQUIRED,
    "--runner=DataflowRunner",
    "--project=my-project",
    "--region=europe-west1",
    "--temp_location=gs://bucket/tmp",
    "--sdk_container_image=image:1",
]


def config(*flags: str) -> PipelineConfig:
    return configure.from_options(PipelineOptions(list(flags)))


def test_all_mistakes_are_told_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = [
        "--runner=FlinkRunner",
        "--kafka_bootstrap_servers=broker",
        "--bigquery_endpoint=h",
        "--clock_skew_sec=-1",
        "--shards=3",
        "--checkpointing_interval=1",
        "--nonsense",
    ]

    assert main.main(wrong) == exit_codes.USAGE

    lines = capsys.readouterr().err.splitlines()
    assert all(line.startswith("error: ") for line in lines)
    for flag in (
        "'--nonsense'",
        "--kafka_bootstrap_servers must be",
        "--kafka_topics and --bigquery_dataset are required",
        "--bigquery_endpoint must be",
        "--clock_skew_sec must be",
        "--shards must be",
        "--job_endpoint is required",
        "--expansion_service is required",
        "--checkpointing_interval must be",
    ):
        assert sum(flag in line for line in lines) == 1, flag
    assert len(lines) == 9


def test_empty_address_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main([*REQUIRED, "--bigquery_endpoint="]) == exit_codes.USAGE
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: --bigquery_endpoint must not be empty")


@pytest.mark.parametrize("flag", ["--expansion_service=e", "--job_endpoint=j", "--flink=f"])
def test_one_mistake_is_one_line(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main([*FLINK, flag]) == exit_codes.USAGE
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {flag.partition('=')[0]} must be host:port")


@pytest.mark.parametrize("program", [("pipeline",), ("payments", "run")])
def test_launch_says_nothing_of_libraries(program: tuple[str, ...]) -> None:
    """They announce what they will stop supporting; nobody at this terminal can change it."""
    ended = subprocess.run(
        [sys.executable, "-m", *program, "--bigquery_dataset=p"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == exit_codes.USAGE
    lines = ended.stderr.splitlines()
    assert lines and all(line.startswith("error: ") for line in lines), ended.stderr


def test_defaults_are_those_of_the_guarantee() -> None:
    checked = config(*REQUIRED)

    assert checked.runner == "DirectRunner"
    assert checked.horizon_us == (3_600 + 300) * 1_000_000
    assert checked.sink.project == "my-project"


def test_flink_takes_checkpoints_every_five_seconds_unless_told() -> None:
    options = PipelineOptions(FLINK)

    assert options.get_all_options()["checkpointing_interval"] == 5_000


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (REQUIRED[1:], "--kafka_bootstrap_servers is required"),
        (REQUIRED[:1] + REQUIRED[2:], "--kafka_topics is required"),
        (REQUIRED[:2], "--bigquery_dataset is required"),
        ([*REQUIRED, "--kafka_bootstrap_servers=broker"], "must be host:port, got 'broker'"),
        ([*REQUIRED, "--kafka_topics=a,,b"], "must name each topic once"),
        ([*REQUIRED, "--kafka_topics=a,a"], "must name each topic once"),
        ([*REQUIRED, "--bigquery_dataset=payments"], "must be PROJECT.DATASET, got 'payments'"),
        ([*REQUIRED, "--runner=SparkRunner"], "must be one of DirectRunner"),
        ([*REQUIRED, "--allowed_lateness_sec=-1"], "--allowed_lateness_sec must be from 0 to"),
        ([*REQUIRED, "--bigquery_streams=0"], "--bigquery_streams must be from 1 to 512"),
        ([*REQUIRED, "--bigquery_endpoint=h"], "--bigquery_endpoint must be"),
        ([*REQUIRED, "--kafka_config_file=/no/such"], "/no/such: No such file"),
        ([*FLINK, "--checkpointing_interval=-1"], "--checkpointing_interval must be from 10 to"),
        ([*FLINK, "--checkpointing_interval=0"], "--checkpointing_interval must be from 10 to"),
        ([*REQUIRED, "--runner=DataflowRunner"], "--project is required on DataflowRunner"),
        ([f for f in DATAFLOW if "sdk" not in f], "Dataflow's workers need this program"),
        (
            [*DATAFLOW, "--dataflow_service_options=streaming_mode_at_least_once"],
            "must not choose a streaming mode, got streaming_mode_at_least_once",
        ),
        (
            [*DATAFLOW, "--expansion_service=localhost:8097", "--java_parts=/jars"],
            "drop one of them",
        ),
        (
            [*REQUIRED, "--java_parts=/jars"],
            "--java_parts is for DataflowRunner, which starts Java workers by itself. Hint: ",
        ),
        (
            [*FLINK, "--start_from_tables=/x", "--savepoint_path=/y"],
            "--start_from_tables is for a job whose state is lost",
        ),
        (
            [*REQUIRED, "--start_from_tables=/x", "--dedup_state=per_id"],
            "--start_from_tables needs --dedup_state=sharded",
        ),
        (
            [*REQUIRED, "--start_from_tables=/x", "--no_preflight"],
            "cannot go with --no_preflight",
        ),
        ([*REQUIRED, "--resume=/checkpoints"], "--resume is for FlinkRunner"),
        ([*FLINK, "--resume="], "--resume must name a folder"),
        ([*FLINK, "--resume=/a", "--savepoint_path=file:/a/chk-1"], "Give one of them"),
        ([*FLINK, "--shadow"], "--shadow needs --shards"),
        ([*FLINK, "--shadow", "--shards=8"], "--shadow needs --savepoint_path, got none"),
        (
            [*FLINK, "--shadow", "--shards=8", "--savepoint_path=/y", "--no_preflight"],
            "--no_preflight",
        ),
        ([*REQUIRED, "--shards=12"], "--shards must be a power of two from 1 to 512, got 12"),
        ([f for f in FLINK if "job_endpoint" not in f], "--job_endpoint is required"),
        ([f for f in FLINK if "expansion" not in f], "--expansion_service is required"),
    ],
)
def test_mistake_is_told_with_what_was_received(flags: list[str], words: str) -> None:
    with pytest.raises(ConfigError) as told:
        config(*flags)

    assert words in str(told.value)


@pytest.mark.parametrize("flag", ["--kafka_topic=a", "--kafka_topics_=a", "--nonsense"])
def test_unknown_flag_is_an_error_and_not_a_warning(
    flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main([*REQUIRED, flag]) == exit_codes.USAGE
    assert "unknown flag" in capsys.readouterr().err


def test_help_groups_flags_by_step(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["--help"]) == 0

    printed = capsys.readouterr().out
    for group in (
        "read Kafka:",
        "validate, split late, deduplicate, score fraud:",
        "write BigQuery:",
        "launch",
    ):
        assert group in printed


def test_settings_that_exactness_rests_on_cannot_be_overridden(tmp_path: Path) -> None:
    file = tmp_path / "client.properties"
    file.write_text("enable.auto.commit=true\nisolation.level=read_uncommitted\nx.y=1\n")

    settings = consumer_config(config(*REQUIRED, f"--kafka_config_file={file}").source)

    assert settings["enable.auto.commit"] == "false"
    assert settings["isolation.level"] == "read_committed"
    # An offset that is gone is an error; `earliest` would continue with what is left.
    assert settings["auto.offset.reset"] == "none"
    assert settings["group.id"] == "payments-my-project.payments"
    assert settings["x.y"] == "1"


def test_secrets_of_the_properties_file_stay_out_of_reprs(tmp_path: Path) -> None:
    file = tmp_path / "client.properties"
    file.write_text(
        'security.protocol=SASL_SSL\nsasl.jaas.config=x required username="u" password="hunter2";\n'
    )

    assert "hunter2" not in repr(config(*REQUIRED, f"--kafka_config_file={file}"))


@pytest.mark.parametrize("flags", [[], ["--finish_bundle_before_checkpointing"]])
def test_no_checkpoint_lets_a_watermark_overtake_records(flags: list[str]) -> None:
    """docs/decisions/0010; Beam's Flink runner takes the option by this name."""
    options = PipelineOptions([*FLINK, *flags])

    assert options.get_all_options()["finish_bundle_before_checkpointing"] is True


def test_elements_are_not_copied_between_operators() -> None:
    """A name that Beam's Flink runner does not know is dropped with a warning."""
    assert PipelineOptions(FLINK).get_all_options()["faster_copy"] is True


@pytest.mark.parametrize(
    "error",
    [
        TooManyDeadLetters(
            "9 of 10 are bad. Hint: look [while running 'LimitDeadLetters/Compare']"
        ),
        RuntimeError(
            "Traceback (most recent call last):\n  File …\n"
            "transforms.limit_dead_letters.TooManyDeadLetters: 9 of 10 are bad. Hint: look\n"
        ),
    ],
    ids=["raised here", "told by a worker"],
)
def test_job_that_was_stopped_on_purpose_says_why_in_one_line(error: RuntimeError) -> None:
    assert str(stops.stopped(error)) == "9 of 10 are bad. Hint: look"


def test_other_errors_are_told_whole() -> None:
    error = RuntimeError("Traceback …\nKeyError: 1")

    assert stops.stopped(error) is error


def test_secrets_in_a_file_that_dataflows_workers_lack_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "kafka.properties"
    file.write_text("security.protocol=SSL\nssl.key.password=hunter2\n")

    with pytest.raises(ConfigError) as told:
        config(*DATAFLOW, f"--kafka_config_file={file}")

    assert "holds secrets (ssl.key.password)" in str(told.value)
    assert "hunter2" not in str(told.value)


def test_what_beam_says_of_its_own_flags_is_a_usage_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    container = ["--environment_type=DOCKER", "--environment_options=docker_container_image=x"]

    code = main.main([*FLINK, "--no_preflight", *container, "--environment_config=y"])

    assert code == exit_codes.USAGE
    assert "environment_config" in capsys.readouterr().err


def test_a_job_is_called_as_its_tables_and_its_run() -> None:
    run = "--run_id=Nightly_7"
    names = [config(*FLINK, run).job_name for _ in range(2)]

    assert all(name.startswith("payments-my-project.payments-Nightly_7-") for name in names)
    assert names[0] != names[1]  # a claim finds the job of its own launch by it
    assert config(*FLINK, "--job_name=mine").job_name == "mine"


def test_dataflow_takes_the_name_of_a_job() -> None:
    flags = [*DATAFLOW, "--bigquery_dataset=example.com:shop.Payments_2", "--run_id=Nightly_7"]
    name = config(*flags).job_name

    assert re.fullmatch(OptionsValidator.JOB_PATTERN, name)
    assert name.startswith("payments-example-com-shop-payments-2-nightly-7-")


def test_what_google_cloud_answers_to_a_submission_is_told_in_a_line() -> None:
    with pytest.raises(runners.NotSubmitted) as told, runners.refusals_told(None, None):
        raise DefaultCredentialsError("none were\nfound")

    assert str(told.value).startswith(
        "Google Cloud did not take the job (DefaultCredentialsError: none were found). Hint: "
    )


def test_control_a_mistake_of_ours_is_no_answer_of_google_cloud() -> None:
    with pytest.raises(ZeroDivisionError), runners.refusals_told(None, None):
        raise ZeroDivisionError
