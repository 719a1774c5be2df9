"""The launcher that waits for a job on Flink: each failure in a line, and five ends that differ."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from types import SimpleNamespace

import grpc
import pytest
from apache_beam.runners.dataflow.dataflow_runner import DataflowRuntimeException
from apache_beam.runners.runner import PipelineState

from operations.flink_client import FlinkClient
from payments import exit_codes
from pipeline import main
from pipeline.config import PipelineConfig
from pipeline.launch import job_watch
from pipeline.launch import wait as waiting
from pipeline.launch.job_watch import JobWatch
from tests.support.fake_flink import FakeFlink, failure, fake_flink, job
from transforms import BigQuerySink, KafkaSource
from transforms.payment.ends_job import MARK

CANCELLED = (
    "Pipeline payments_1 failed in state FAILED: "
    "org.apache.flink.runtime.client.JobCancellationException: Job was cancelled."
)


@pytest.fixture
def flink() -> Iterator[FakeFlink]:
    with fake_flink() as running:
        yield running


@pytest.fixture(autouse=True)
def closed_streams_are_no_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that ran `main` before has left a handler on a stream that is closed."""
    monkeypatch.setattr(logging, "raiseExceptions", False)


class Ends:
    """A claim that is told of its end."""

    def __init__(self) -> None:
        self.why: list[str] = []

    def ended(self, why: object) -> None:
        self.why.append(str(why))


class Result:
    """What Beam says of a submitted job."""

    def __init__(self, end: BaseException | str) -> None:
        self._end = end

    def wait_until_finish(self) -> str:
        if isinstance(self._end, str):
            return self._end
        raise self._end


def waited(end: BaseException | str, claim: Ends, flink: str | None = None) -> int:
    config = PipelineConfig(
        "FlinkRunner",
        KafkaSource("nowhere:0", ("payments",)),
        BigQuerySink("my-project", "payments"),
        1,
        1,
        job_name="payments-run",
        flink=flink,
    )
    return waiting.wait(Result(end), claim, config, 0.0)  # type: ignore[arg-type]


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "pipeline")
    return caplog


@pytest.mark.parametrize("end", [RuntimeError(CANCELLED), PipelineState.CANCELLED])
def test_cancelled_job_has_not_failed(
    end: BaseException | str,
    log: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    claim = Ends()

    assert waited(end, claim) == waiting.EXIT_CANCELLED == 4
    assert claim.why == ["cancelled"]
    assert "cancelled after" in log.text
    assert capsys.readouterr().err == ""


def test_job_that_was_stopped_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    claim = Ends()
    error = RuntimeError(
        "Pipeline x failed in state FAILED: java.lang.RuntimeException: Error received from SDK "
        "harness for instruction 5: Traceback …\n"
        f"transforms.limit_dead_letters.TooManyDeadLetters: 9 of 10: 9 not_json. Hint: look {MARK} "
        "[while running 'S']\n"
    )

    assert waited(error, claim) == exit_codes.FINDING
    assert capsys.readouterr().err == "error: 9 of 10: 9 not_json. Hint: look\n"
    assert claim.why == ["failed: 9 of 10: 9 not_json. Hint: look"]


def test_cause_of_another_end_is_asked_of_flink(
    flink: FakeFlink, capsys: pytest.CaptureFixture[str]
) -> None:
    flink.put(job(state="FAILED", ended_sec_ago=1), failures=[failure(1)])

    assert waited(RuntimeError("stream removed"), Ends(), flink.address) == exit_codes.FINDING
    assert "CannotDecode: not JSON" in capsys.readouterr().err

    assert waited(RuntimeError("grpc: stream removed\n\tat x"), Ends()) == exit_codes.FINDING
    [line] = capsys.readouterr().err.splitlines()
    assert line.endswith("grpc: stream removed")


def on_dataflow(state: str, said: str | None = None) -> DataflowRuntimeException:
    """Returns what Beam raises when a job on Dataflow has ended, unless it is DONE."""
    message = f"Dataflow pipeline failed. State: {state}, Error:\n{said}"
    return DataflowRuntimeException(message, SimpleNamespace(state=state))


@pytest.mark.parametrize(
    ("state", "code", "noted"),
    [
        (PipelineState.CANCELLED, waiting.EXIT_CANCELLED, "cancelled"),
        (PipelineState.DRAINED, exit_codes.WELL, "DRAINED"),
        (PipelineState.UPDATED, exit_codes.WELL, "UPDATED"),
    ],
)
def test_planned_end_on_dataflow_is_no_failure_and_is_noted(
    state: str, code: int, noted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    claim = Ends()

    assert waited(on_dataflow(state), claim) == code
    assert claim.why == [noted]
    assert capsys.readouterr().err == ""


def test_job_that_dataflow_does_not_know_has_not_ended(capsys: pytest.CaptureFixture[str]) -> None:
    claim = Ends()

    assert waited(on_dataflow(PipelineState.UNKNOWN), claim) == exit_codes.FINDING
    assert claim.why == []
    assert capsys.readouterr().err.endswith("out of reach: Dataflow says that it is UNKNOWN\n")


def test_failure_on_dataflow_is_a_line_and_the_end_of_the_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    claim = Ends()
    said = "Traceback (most recent call last):\n  File \"x\"\nValueError: bad [while running 'S']"

    assert waited(on_dataflow(PipelineState.FAILED, said), claim) == exit_codes.FINDING
    assert capsys.readouterr().err == "error: the job failed: ValueError: bad\n"
    assert claim.why == ["failed: ValueError: bad"]


def no_answer() -> grpc.RpcError:
    """Returns what gRPC raises when nobody is there."""
    with grpc.insecure_channel("127.0.0.1:1") as channel, pytest.raises(grpc.RpcError) as raised:
        channel.unary_unary("/service/method")(b"")
    return raised.value


def test_job_server_that_goes_away_is_no_end_of_the_job(
    capsys: pytest.CaptureFixture[str],
) -> None:
    claim = Ends()

    assert waited(no_answer(), claim, "jm:8081") == exit_codes.COULD_NOT_LOOK
    assert claim.why == []
    [line] = capsys.readouterr().err.splitlines()
    assert "stopped answering (UNAVAILABLE " in line and "payments-run may go on" in line
    assert "`payments job list --flink=jm:8081`" in line and "payments job cancel" in line


def test_ctrl_c_ends_the_waiting_and_says_how_to_end_the_job(
    log: pytest.LogCaptureFixture,
) -> None:
    claim = Ends()

    assert waited(KeyboardInterrupt(), claim, "jm:8081") == 130
    assert claim.why == []
    assert "payments job cancel --flink=jm:8081 --bigquery_dataset=my-project.payments" in log.text


def test_without_flink_it_is_said_once_that_it_would_tell(log: pytest.LogCaptureFixture) -> None:
    waited(PipelineState.DONE, Ends())
    assert log.text.count("with --flink=HOST:PORT they would be") == 1

    log.clear()
    waited(PipelineState.DONE, Ends(), "jm:8081")
    assert "they would be" not in log.text


def test_each_failure_is_told_once_with_cause_time_and_restarts(flink: FakeFlink) -> None:
    said: list[str] = []
    watch = JobWatch(FlinkClient(flink.address), "payments-run", said.append)
    watch.look()  # Flink does not know it yet
    flink.put(job("z9", name="payments-other"), failures=[failure()])
    flink.put(job(), failures=[])
    watch.look()
    assert len(said) == 1  # that it runs
    said.clear()

    first, second = failure(9), failure(3, "java.lang.Exception: TaskManager is gone\n\tat x")
    flink.put(job(), failures=[first])
    watch.look()
    flink.put(job(), failures=[second, first])
    watch.look()
    watch.look()

    assert [line.partition(": ")[2] for line in said] == [
        "CannotDecode: not JSON",
        "Exception: TaskManager is gone",
    ]
    assert "(restart 1)" in said[0] and "(restart 2)" in said[1]
    assert all("\n" not in line and " UTC and Flink starts it again" in line for line in said)


def test_status_is_told_when_it_changes_and_now_and_then(
    flink: FakeFlink, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    watch = JobWatch(FlinkClient(flink.address), "payments-run", said.append)
    flink.put(job(state="CREATED", age_sec=1), checkpoint_sec_ago=None)
    watch.look()
    watch.look()
    flink.put(job(age_sec=2), checkpoint_sec_ago=None)
    watch.look()
    flink.put(job(age_sec=12), checkpoint_sec_ago=3)
    watch.look()
    watch.look()

    assert [line.split()[3] for line in said] == ["CREATED,", "RUNNING,", "RUNNING,"]
    assert said[1].endswith("no checkpoint yet, so no rows are queryable")
    assert "newest checkpoint 3 s old, 0.0 MB" in said[2]

    monkeypatch.setattr(job_watch, "_STATUS_EVERY_SEC", 0.0)
    watch.look()
    assert len(said) == 4


def test_failure_that_ended_the_job_is_left_to_its_end(flink: FakeFlink) -> None:
    said: list[str] = []
    flink.put(job(state="FAILED", ended_sec_ago=1), failures=[failure(1)])

    JobWatch(FlinkClient(flink.address), "payments-run", said.append).look()

    assert said == []


def test_flink_that_is_away_is_told_once(flink: FakeFlink) -> None:
    said: list[str] = []
    watch = JobWatch(FlinkClient("127.0.0.1:1"), "payments-run", said.append)

    watch.look()
    watch.look()

    assert len(said) == 1 and "Flink does not answer" in said[0]


def test_what_the_job_server_says_of_an_end_is_not_logged_as_well() -> None:
    said = logging.LogRecord("root", logging.ERROR, "x/portable_runner.py", 1, CANCELLED, (), None)
    other = logging.LogRecord("root", logging.ERROR, "x/other.py", 1, "look", (), None)
    warning = logging.LogRecord("root", logging.WARNING, "x/portable_runner.py", 1, "l", (), None)

    kept = [main._no_word_of_the_job_servers(each) for each in (said, other, warning)]

    assert kept == [False, True, True]


def test_thread_of_beams_that_reads_messages_prints_no_stack(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Control: any other error in a thread keeps its stack."""
    for error in (no_answer(), ZeroDivisionError("ours")):
        arguments = (type(error), error, None, threading.current_thread())
        main._no_stack_of_the_job_servers(threading.ExceptHookArgs(arguments))

    told = capsys.readouterr().err
    assert "UNAVAILABLE" not in told and "ZeroDivisionError: ours" in told
