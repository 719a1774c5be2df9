"""A sandbox starts, heals, keeps its data and leaves nothing behind. All tests share one."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator

import apache_beam as beam
import grpc
import psutil
import pytest
import requests
from apache_beam.io.kafka import ReadFromKafka
from google.api_core import exceptions
from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import ConfigResource, KafkaAdminClient

from sandbox import cli, kafka_broker, ports, processes
from sandbox.component import MONITORING, NAMES
from sandbox.layout import BIGQUERY_PYTHON, REPOSITORY
from sandbox.sandbox import Sandbox
from templates.flink import loopback
from templates.flink.rest import get_json
from tests.integration.sandbox_clients import Rows, answers, job_options, wait_until

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory) -> Iterator[Sandbox]:
    sandbox = Sandbox(tmp_path_factory.mktemp("sandbox"))
    sandbox.up(print)
    yield sandbox
    sandbox.down()


@pytest.fixture
def rows(sandbox, request) -> Rows:
    authority = sandbox.layout.authority.read_bytes()
    # The end of the name, where parameters are, without what a table may not be called.
    table = re.sub(r"\W", "_", request.node.name)[-60:]
    return Rows(sandbox.endpoints()["bigquery"], authority, table)


# --- Starting -------------------------------------------------------------------------------------


def test_up_answers_with_everything(sandbox) -> None:
    endpoints = sandbox.endpoints()

    assert set(endpoints["pids"]) == set(NAMES)
    assert all(state.running for state in sandbox.states().values())


def test_second_up_changes_nothing(sandbox) -> None:
    said: list[str] = []
    before = sandbox.pids()

    sandbox.up(said.append)

    assert said == ["already up"]
    assert sandbox.pids() == before


def assert_all_listen_on_loopback(sandbox) -> None:
    listeners = [
        (process.name(), connection.laddr.ip)
        for process in processes.of_sandbox(sandbox.layout)
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    ]

    # Those of a monitored sandbox are free here.
    assert len(listeners) >= len(ports.PORT_NAMES) - len(MONITORING)
    assert {ip for _, ip in listeners} <= {"127.0.0.1", "::ffff:127.0.0.1"}, listeners


def test_every_listener_is_on_loopback(sandbox) -> None:
    assert_all_listen_on_loopback(sandbox)


def test_topic_of_payments_takes_arrival_as_time(sandbox) -> None:
    admin = KafkaAdminClient(bootstrap_servers=sandbox.endpoints()["kafka"])
    described = admin.describe_configs([ConfigResource("topic", kafka_broker.TOPIC)])
    admin.close()

    assert "LogAppendTime" in str(described)


def test_python_job_runs_on_the_cluster(sandbox) -> None:
    endpoints = sandbox.endpoints()
    pipeline = beam.Pipeline(options=job_options(endpoints))
    numbers = pipeline | beam.Create([1, 2, 3]) | beam.Reshuffle()
    _ = numbers | beam.CombineGlobally(sum) | beam.Map(abs)

    assert pipeline.run().wait_until_finish() == "DONE"
    # The jars of Beam are not uploaded again with every job.
    scratch = sandbox.layout.flink / "scratch"
    assert not [path for path in scratch.rglob("blob_*") if path.stat().st_size > 1 << 20]


# --- Healing --------------------------------------------------------------------------------------


def test_killed_taskmanager_comes_back(sandbox) -> None:
    before = sandbox.pids()

    sandbox.kill("taskmanager-1")
    sandbox.wait_ready("taskmanager-1")

    after = sandbox.endpoints()["pids"]
    assert {name for name in NAMES if before[name] != after[name]} == {"taskmanager-1"}


def test_killed_jobmanager_takes_its_job_up_again(sandbox) -> None:
    endpoints = sandbox.endpoints()
    flink = endpoints["flink_rest"]

    def jobs() -> dict[str, str]:
        listed = get_json(flink, "/jobs")["jobs"]
        return {job["id"]: job["status"] for job in listed if job["status"] == "RUNNING"}

    def checkpoints(job: str, kind: str) -> int:
        return get_json(flink, f"/jobs/{job}/checkpoints")["counts"][kind]

    pipeline = beam.Pipeline(options=job_options(endpoints, streaming=True))
    _ = (
        pipeline
        | ReadFromKafka(
            {"bootstrap.servers": endpoints["kafka"], "enable.auto.commit": "false"},
            [kafka_broker.TOPIC],
            expansion_service=endpoints["expansion_service"],
        )
        | beam.Map(len)
    )
    pipeline.run()
    wait_until(jobs)
    (job,) = jobs()
    wait_until(lambda: checkpoints(job, "completed") > 0)
    assert_all_listen_on_loopback(sandbox)  # TaskManagers open more for their workers

    sandbox.kill("jobmanager")
    sandbox.wait_ready("jobmanager")

    wait_until(lambda: answers(jobs) == {job: "RUNNING"})  # the same job, from its checkpoint
    wait_until(lambda: answers(lambda: checkpoints(job, "restored")))
    assert (sandbox.layout.flink / "checkpoints" / job).is_dir()
    cancel = f"http://{endpoints['flink_rest']}/jobs/{job}?mode=cancel"
    assert requests.patch(cancel, timeout=10).ok
    wait_until(lambda: not jobs())


def test_component_killed_for_good_stays_down_until_restarted(sandbox, capsys) -> None:
    command = ["--dir", str(sandbox.layout.root)]
    assert cli.main(["status", *command]) == 0

    sandbox.kill("taskmanager-2", restart=False)

    time.sleep(3)
    assert sandbox.states()["taskmanager-2"].pid == 0
    assert cli.main(["status", *command]) == 1
    sandbox.restart("taskmanager-2")
    assert cli.main(["status", "--json", *command]) == 0


def test_killed_broker_keeps_its_records(sandbox) -> None:
    address = sandbox.endpoints()["kafka"]
    producer = KafkaProducer(bootstrap_servers=address, acks="all")
    for number in range(100):
        producer.send(kafka_broker.TOPIC, str(number).encode())
    producer.close()

    sandbox.kill("kafka")
    sandbox.wait_ready("kafka")

    consumer = KafkaConsumer(
        kafka_broker.TOPIC,
        bootstrap_servers=address,
        auto_offset_reset="earliest",
        consumer_timeout_ms=10_000,
    )
    seen: set[bytes] = set()
    for record in consumer:
        seen.add(record.value)
        if len(seen) == 100:
            break
    consumer.close()
    assert seen == {str(number).encode() for number in range(100)}


# --- BigQuery as the sink needs it ----------------------------------------------------------------


def test_flush_shows_the_row_at_its_offset_and_is_not_repeated(rows) -> None:
    stream = rows.open()
    rows.append(stream, 0, [10, 11, 12])
    assert rows.visible() == []

    rows.flush(stream, 2)

    assert rows.visible() == [10, 11, 12]
    with pytest.raises(exceptions.AlreadyExists):
        rows.flush(stream, 2)
    with pytest.raises(exceptions.OutOfRange):
        rows.flush(stream, 3)


def test_connections_that_stay_open_keep_nobody_waiting(rows) -> None:
    """A Java worker keeps those of restarted jobs: 256 of them once stopped the crash suite."""
    kept = [rows.connect(rows.open()) for _ in range(300)]
    try:
        stream = rows.open()
        rows.append(stream, 0, [10])
        rows.flush(stream, 0)
    finally:
        for connection in kept:
            connection.cancel()

    assert rows.visible() == [10]


def test_without_the_patch_the_last_row_stays_unseen(sandbox, tmp_path) -> None:
    """The control: if the emulator ever learns this by itself, the patch can go."""
    port = next(number for number in range(ports.PORT_MIN, ports.PORT_MAX) if ports.free(number))
    command = [BIGQUERY_PYTHON, "-m", "sandbox.bigquery", "--without=flush_rows"]
    command += [f"--port={port}", f"--data={tmp_path}", f"--faults={tmp_path}/faults.json"]
    command += [f"--certificates={sandbox.layout.certificates}", "--project=sandbox"]
    standin = subprocess.Popen(command, cwd=REPOSITORY)
    try:
        wait_until(lambda: not ports.free(port))
        rows = Rows(f"{loopback.HOST}:{port}", sandbox.layout.authority.read_bytes(), "control")
        stream = rows.open()
        rows.append(stream, 0, [10, 11, 12])
        rows.flush(stream, 2)
        assert rows.visible() == [10, 11]
    finally:
        standin.kill()
        standin.wait()


def test_rows_appended_before_a_crash_are_flushed_after_it(sandbox, rows) -> None:
    stream = rows.open()
    rows.append(stream, 0, [1, 2])
    rows.flush(stream, 0)
    rows.append(stream, 2, [3])

    sandbox.kill("bigquery")
    sandbox.wait_ready("bigquery")

    assert rows.visible() == [1]
    assert rows.append(stream, 2, [3]) == grpc.StatusCode.ALREADY_EXISTS.value[0]
    assert rows.append(stream, 3, [4]) == 0
    rows.flush(stream, 3)
    assert rows.visible() == [1, 2, 3, 4]
    with pytest.raises(exceptions.AlreadyExists):
        rows.flush(stream, 3)


def test_lost_answer_to_an_append_is_not_a_lost_append(sandbox, rows) -> None:
    stream = rows.open()
    sandbox.layout.faults.write_text('{"drop_after_append_every": 1}')
    try:
        with pytest.raises(exceptions.GoogleAPICallError):
            rows.append(stream, 0, [1])
    finally:
        sandbox.layout.faults.unlink()

    assert rows.append(stream, 0, [1]) == grpc.StatusCode.ALREADY_EXISTS.value[0]
    rows.flush(stream, 0)
    assert rows.visible() == [1]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ('{"unavailable": true}', grpc.StatusCode.UNAVAILABLE),
        ('{"append_not_found_every": 1}', grpc.StatusCode.NOT_FOUND),
        ('{"append_exhausted_every": 1}', grpc.StatusCode.RESOURCE_EXHAUSTED),
    ],
)
def test_refused_append_adds_nothing_and_may_be_repeated(sandbox, rows, fault, code) -> None:
    stream = rows.open()
    sandbox.layout.faults.write_text(fault)
    try:
        with pytest.raises(exceptions.GoogleAPICallError) as refused:
            rows.append(stream, 0, [1], retry=None)
    finally:
        sandbox.layout.faults.unlink()

    assert refused.value.grpc_status_code is code
    assert rows.append(stream, 0, [1]) == 0
    rows.flush(stream, 0)
    assert rows.visible() == [1]


def test_unavailable_service_refuses_flushes_too(sandbox, rows) -> None:
    stream = rows.open()
    rows.append(stream, 0, [1])
    sandbox.layout.faults.write_text('{"unavailable": true}')
    try:
        with pytest.raises(exceptions.ServiceUnavailable):
            rows.flush(stream, 0, retry=None)
    finally:
        sandbox.layout.faults.unlink()

    assert rows.visible() == []
    rows.flush(stream, 0)
    assert rows.visible() == [1]


@pytest.mark.parametrize("fault", ['{"append_delay_ms": 700}', '{"flush_delay_ms": 700}'])
def test_slow_service_is_slow_and_right(sandbox, rows, fault) -> None:
    stream = rows.open()
    sandbox.layout.faults.write_text(fault)
    try:
        started_at = time.monotonic()
        rows.append(stream, 0, [1])
        rows.flush(stream, 0)
        took_sec = time.monotonic() - started_at
    finally:
        sandbox.layout.faults.unlink()

    assert took_sec >= 0.7
    assert rows.visible() == [1]


# --- Ending ---------------------------------------------------------------------------------------


def test_death_of_the_supervisor_leaves_no_orphans_and_loses_no_data(sandbox, rows) -> None:
    stream = rows.open()
    rows.append(stream, 0, [7])
    rows.flush(stream, 0)
    before = sandbox.endpoints()

    os.kill(sandbox._supervisor.pid(), signal.SIGKILL)

    wait_until(lambda: not processes.of_sandbox(sandbox.layout))
    after = sandbox.up(print)
    assert after["kafka"] == before["kafka"]  # the ports stay, so that clients find it again
    assert rows.visible() == [7]


def test_down_leaves_no_process_and_keeps_the_data(sandbox) -> None:
    started_at = time.monotonic()

    sandbox.down()

    assert time.monotonic() - started_at < 15
    assert processes.of_sandbox(sandbox.layout) == []
    assert not sandbox.is_up()
    assert not sandbox.layout.socket.exists()
    assert (sandbox.layout.kafka / "data").is_dir()
