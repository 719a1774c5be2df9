"""Dataflow's view of a job, from command line and Flex Template, read as Dataflow reads it.

Google's two APIs are local stand-ins that keep what they get (tests/support/google_cloud.py). So
what is submitted is checked, and nothing of how Dataflow runs it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import apache_beam as beam
import pytest
from apache_beam.portability import common_urns
from apache_beam.portability.api import beam_runner_api_pb2

from pipeline import configure, graph, runners
from pipeline.launch import java_parts
from pipeline.options import PipelineOptions
from tests.support import google_cloud
from tests.support.google_cloud import BUCKET, PROJECT, REGION, GoogleCloud
from transforms.bigquery import flush_rows as flush_steps

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

REPOSITORY = Path(__file__).parents[2]
READ_FROM_KAFKA = "ReadKafka/ReadFromKafka/"
JARS = REPOSITORY / ".tools/jars/expansion"
IMAGE = f"{REGION}-docker.pkg.dev/{PROJECT}/payments/pipeline:1.2.3"
OURS = [
    "--kafka_bootstrap_servers=broker.internal:9092",
    "--kafka_topics=payments",
    f"--bigquery_dataset={PROJECT}.payments",
]
# Where there is neither a broker nor BigQuery to look at.
UNSEEN = "--no_preflight"
WHERE = [
    f"--project={PROJECT}",
    f"--region={REGION}",
    f"--temp_location=gs://{BUCKET}/scratch",
    f"--staging_location=gs://{BUCKET}/staging",
    "--job_name=payments",
]


class Submitted(NamedTuple):
    """A job as Dataflow got it, and the pipeline that it refers to."""

    job: dict[str, Any]
    pipeline: beam_runner_api_pb2.Pipeline
    raw: bytes


@pytest.fixture(scope="module")
def cloud() -> Iterator[GoogleCloud]:
    with google_cloud.serving() as served:
        yield served


@pytest.fixture(scope="module")
def updating(cloud: GoogleCloud, tmp_path_factory: pytest.TempPathFactory) -> Submitted:
    """The command line, with a job of that name already running."""
    cloud.running = "payments"
    launch(
        cloud,
        tmp_path_factory.mktemp("updating"),
        [
            *("-m", "pipeline", "--runner=DataflowRunner", "--no_wait_until_finish"),
            *(*OURS, UNSEEN, *WHERE),
            f"--java_parts={JARS}",
            f"--sdk_container_image={IMAGE}",
            "--update",
            '--transform_name_mapping={"Old step": "Deduplicate"}',
        ],
    )
    cloud.running = None
    return submitted(cloud, cloud.jobs[-1])


@pytest.fixture(scope="module")
def by_template(cloud: GoogleCloud, tmp_path_factory: pytest.TempPathFactory) -> Submitted:
    """The Flex launcher: every parameter of metadata.json with a value, and a place for the job."""
    file = REPOSITORY / "templates/dataflow/metadata.json"
    given = dict(flag.removeprefix("--").split("=", 1) for flag in OURS)
    given["no_preflight"] = "true"
    parameters = [
        f"--{each['name']}={given.get(each['name'], each.get('defaultValue'))}"
        for each in json.loads(file.read_text())["parameters"]
        if each["name"] in given or "defaultValue" in each
    ]
    place = f"gs://{BUCKET}/staging/template_launches/2026-11-23/job_object"
    launch(
        cloud,
        tmp_path_factory.mktemp("template"),
        [
            str(REPOSITORY / "templates/dataflow/main.py"),
            *(*parameters, *WHERE),
            f"--template_location={place}",
            '--labels={"goog-dataflow-provided-template-type": "flex"}',
        ],
    )
    return submitted(cloud, json.loads(cloud.staged(place)))


@pytest.fixture(params=["updating", "by_template"])
def job(request: pytest.FixtureRequest) -> Submitted:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Submitted)
    return found


def test_streams_exactly_once_on_streaming_engine(job: Submitted) -> None:
    environment = job.job["environment"]
    services = option(job, "dataflow_service_options")

    assert job.job["type"] == "JOB_TYPE_STREAMING"
    assert "enable_streaming_engine" in environment["experiments"]
    assert "streaming_mode_exactly_once" in services
    assert "at_least_once" not in json.dumps(job.job)


def test_offsets_are_committed_before_rows_are_flushed(job: Submitted) -> None:
    """On Dataflow a bundle commits its state and what it puts out at once, at a shuffle.

    Between the step that appends and the one that flushes must be one, or both were one bundle.
    """
    steps = job.pipeline.components.transforms.values()
    [append] = [each for each in steps if each.unique_name.endswith("/AppendRows/Append")]
    [flush] = [each for each in steps if each.unique_name.endswith("/FlushRows/Flush")]

    assert "positions" in pardo(append).state_specs
    assert flush_steps.NEEDS_STABLE_INPUT in flush.annotations
    between = urns_between(job.pipeline, append, flush)
    assert common_urns.primitives.GROUP_BY_KEY.urn in between


def test_no_step_of_beams_own_writes_to_bigquery(job: Submitted) -> None:
    assert b"StorageApi" not in job.raw
    assert b"bigquery_storage_write" not in job.raw


def test_python_runs_in_our_image_and_java_in_beams_of_the_same_version(job: Submitted) -> None:
    images = {
        beam_runner_api_pb2.DockerPayload.FromString(environment.payload).container_image
        for environment in job.pipeline.components.environments.values()
        if environment.urn == common_urns.environments.DOCKER.urn
    }

    assert len(job.pipeline.components.environments) == 2  # none that is not a container
    assert images == {
        IMAGE,
        f"gcr.io/cloud-dataflow/v1beta3/beam_java17_sdk:{beam.version.__version__}",
    }


def test_java_gets_the_pinned_jars_and_our_own(job: Submitted, cloud: GoogleCloud) -> None:
    [java] = (
        environment
        for environment in job.pipeline.components.environments.values()
        if b"java" in environment.payload
    )
    staged = [
        beam_runner_api_pb2.ArtifactUrlPayload.FromString(each.type_payload).url
        for each in java.dependencies
    ]

    assert (JARS / "payments-kafka.jar").read_bytes() in [cloud.staged(url) for url in staged]
    assert len(staged) == len(java_parts.class_path(JARS))
    assert not any("flink" in url for url in staged)


def test_holds_no_path_of_the_launcher_and_no_secret(job: Submitted, cloud: GoogleCloud) -> None:
    everything = json.dumps(job.job).encode() + job.raw

    for place in (str(REPOSITORY), "/tmp/", str(Path.home()), str(JARS.resolve())):
        assert place.encode() not in everything
    for secret in (b"PRIVATE KEY", google_cloud.TOKEN.encode()):
        assert secret not in everything


def test_update_names_the_job_and_the_steps_that_have_other_names(updating: Submitted) -> None:
    assert updating.job["replaceJobId"] == google_cloud.RUNNING_JOB
    assert updating.job["transformNameMapping"] == {"Old step": "Deduplicate"}


def test_template_does_not_update(by_template: Submitted) -> None:
    assert "replaceJobId" not in by_template.job


def test_steps_have_the_names_that_they_have_on_flink(
    updating: Submitted, by_template: Submitted
) -> None:
    # The number of shards is part of the names, and Dataflow begins with more of them.
    flags = ["--runner=FlinkRunner", "--job_endpoint=localhost:1", "--shards=128", UNSEEN, *OURS]
    with java_parts.expansion_service(JARS) as address:
        options = PipelineOptions([*flags, f"--expansion_service={address}"])
        runners.apply_defaults(options, "FlinkRunner", "payments")
        root = beam.Pipeline(runner=runners.create("FlinkRunner"), options=options)
        graph.build(root, configure.from_options(options))
        on_flink = root.to_runner_api()

    assert labels(updating.pipeline) == labels(on_flink)
    assert labels(by_template.pipeline) == labels(on_flink)


def test_control_a_job_that_breaks_the_contract_is_found(
    updating: Submitted, cloud: GoogleCloud
) -> None:
    """Each check above, on a job in which one thing is wrong."""
    fused = copy_of(updating.pipeline)
    for transform in fused.components.transforms.values():
        if "/Save/" in transform.unique_name:
            transform.spec.urn = "beam:transform:pardo:v1"
    of_jars = copy_of(updating.pipeline)
    for environment in of_jars.components.environments.values():
        if b"java" in environment.payload:
            del environment.dependencies[0]
    foreign = copy_of(updating.pipeline)
    foreign.components.environments["process"].urn = "beam:env:process:v1"
    batch = {**updating.job, "type": "JOB_TYPE_BATCH"}
    leaking = updating.raw + f"{REPOSITORY}/secrets".encode()

    with pytest.raises(AssertionError):
        test_streams_exactly_once_on_streaming_engine(updating._replace(job=batch))
    with pytest.raises(AssertionError):
        test_offsets_are_committed_before_rows_are_flushed(updating._replace(pipeline=fused))
    with pytest.raises(AssertionError):
        test_no_step_of_beams_own_writes_to_bigquery(updating._replace(raw=b"StorageApiFlush"))
    with pytest.raises(AssertionError):
        test_python_runs_in_our_image_and_java_in_beams_of_the_same_version(
            updating._replace(pipeline=foreign)
        )
    with pytest.raises(AssertionError):
        test_java_gets_the_pinned_jars_and_our_own(updating._replace(pipeline=of_jars), cloud)
    with pytest.raises(AssertionError):
        test_holds_no_path_of_the_launcher_and_no_secret(updating._replace(raw=leaking), cloud)


def pardo(transform: beam_runner_api_pb2.PTransform) -> beam_runner_api_pb2.ParDoPayload:
    return beam_runner_api_pb2.ParDoPayload.FromString(transform.spec.payload)


def urns_between(
    pipeline: beam_runner_api_pb2.Pipeline,
    first: beam_runner_api_pb2.PTransform,
    last: beam_runner_api_pb2.PTransform,
) -> set[str]:
    """Returns the kinds of primitive steps on the way from one to the other."""
    producers = {
        output: transform
        for transform in pipeline.components.transforms.values()
        if not transform.subtransforms
        for output in transform.outputs.values()
    }
    found, at = set(), last
    while at is not first and at.unique_name != first.unique_name:
        [read] = at.inputs.values()
        at = producers[read]
        found.add(at.spec.urn)
    return found


def copy_of(pipeline: beam_runner_api_pb2.Pipeline) -> beam_runner_api_pb2.Pipeline:
    copied = beam_runner_api_pb2.Pipeline()
    copied.CopyFrom(pipeline)
    return copied


def launch(cloud: GoogleCloud, folder: Path, arguments: list[str]) -> None:
    credentials = folder / "credentials.json"
    cloud.write_credentials(credentials)
    endpoint = f"--dataflow_endpoint={cloud.address}"
    ended = subprocess.run(
        [sys.executable, *arguments, endpoint],
        cwd=REPOSITORY,
        env={
            **os.environ,
            "GOOGLE_APPLICATION_CREDENTIALS": str(credentials),
            "STORAGE_EMULATOR_HOST": cloud.address,
            "JAVA_HOME": str((REPOSITORY / ".tools/java").resolve()),
            "JAVA_PARTS": str(JARS),
            "SDK_IMAGE": IMAGE,
            "PYTHONPATH": str(REPOSITORY),
            "TMPDIR": str(folder),
        },
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert ended.returncode == 0, ended.stderr


def submitted(cloud: GoogleCloud, job: dict[str, Any]) -> Submitted:
    """Returns the job with the pipeline from where its options say that it is staged."""
    folder = next(
        each["value"]
        for each in job["environment"]["sdkPipelineOptions"]["display_data"]
        if each["key"] == "staging_location"
    )
    raw = cloud.staged(f"{folder}/pipeline.pb")
    return Submitted(job, beam_runner_api_pb2.Pipeline.FromString(raw), raw)


def option(job: Submitted, name: str) -> str:
    shown = job.job["environment"]["sdkPipelineOptions"]["display_data"]
    return next(str(each["value"]) for each in shown if each["key"] == name)


def labels(pipeline: beam_runner_api_pb2.Pipeline) -> set[str]:
    """Names of all steps but those within Beam's own ReadFromKafka.

    It has other ones inside where it reads with metadata (Dataflow) and where it reads frames
    (Flink, docs/decisions/0016). A job resumes from a state of its own runner, never of the other.
    """
    names = {transform.unique_name for transform in pipeline.components.transforms.values()}
    assert any(name.startswith(READ_FROM_KAFKA) for name in names)
    return {name for name in names if not name.startswith(READ_FROM_KAFKA)}
