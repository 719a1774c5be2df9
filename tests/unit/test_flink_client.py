"""One client of Flink's REST interface: what it reads, what it makes of errors, and who uses it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from operations import flink_client
from operations.errors import CannotCheck, FlinkError
from operations.flink_client import FlinkClient
from operations.flink_failures import cause_of
from tests.support.fake_flink import STACK, FakeFlink, failure, fake_flink, job
from transforms.payment.ends_job import MARK

ROOT = Path(__file__).parents[2]
WHERE = ("operations/*.py", "pipeline/*.py", "harness/*.py", "benchmarks/*.py")


@pytest.fixture
def flink() -> Iterator[FakeFlink]:
    with fake_flink() as running:
        yield running


def test_jobs_are_told_the_newest_first(flink: FakeFlink) -> None:
    flink.put(job("old", "FAILED", age_sec=900, ended_sec_ago=60))
    flink.put(job("new", age_sec=10))

    found = FlinkClient(flink.address).jobs()

    assert [(each.job_id, each.lives) for each in found] == [("new", True), ("old", False)]
    assert found[0].ended_at is None and found[1].ended_at is not None


def test_unknown_job_is_told_from_a_flink_that_is_away(flink: FakeFlink) -> None:
    with pytest.raises(FlinkError, match="knows no /jobs/x") as unknown:
        FlinkClient(flink.address).job("x")
    with pytest.raises(FlinkError, match=r"does not answer at 127\.0\.0\.1:1 .* Hint: ") as away:
        FlinkClient("127.0.0.1:1").jobs()

    assert (unknown.value.missing, away.value.missing) == (True, False)
    assert away.value.exit_code == CannotCheck.exit_code == 3


def test_another_service_at_that_port_is_told_in_a_line(flink: FakeFlink) -> None:
    flink.content["/jobs/overview"] = []
    flink.answer = lambda path: ["no", "flink"]  # type: ignore[method-assign]

    with pytest.raises(FlinkError, match="as expected"):
        FlinkClient(flink.address).jobs()


def test_savepoint_is_waited_for_and_one_that_fails_says_why(flink: FakeFlink) -> None:
    flink.put(job())
    client = FlinkClient(flink.address)

    assert client.savepoint("a1", 5) == "file:/savepoints/s-1"

    failed = {"failure-cause": {"stack-trace": "java.lang.Exception: x\nCaused by: a.b.NoSpace: 0"}}
    taken = flink.asked_to

    def fails(method: str, path: str, body: Any) -> Any:
        answer = taken(method, path, body)
        flink.content["/jobs/a1/savepoints/r1"]["operation"] = failed
        return answer

    flink.asked_to = fails  # type: ignore[method-assign]
    with pytest.raises(FlinkError, match="no savepoint of a1 came about: NoSpace: 0"):
        client.savepoint("a1", 5)


def test_savepoint_is_found_although_one_answer_was_lost(flink: FakeFlink) -> None:
    """With --stop the job ends by it, and nobody else knows where it lies."""
    flink.put(job())
    known, polls = flink.answer, []

    def answer(path: str) -> Any:
        polls.append(path)
        return ["a JobManager that is busy"] if len(polls) == 1 else known(path)

    flink.answer = answer  # type: ignore[method-assign]

    assert FlinkClient(flink.address).savepoint("a1", 5) == "file:/savepoints/s-1"

    flink.answer = lambda path: ["never"]  # type: ignore[method-assign]
    with pytest.raises(FlinkError, match="within 0 s; the last answer: Flink does not answer"):
        FlinkClient(flink.address).savepoint("a1", 0.2)


def test_savepoint_that_another_service_is_asked_for_is_told_in_a_line(flink: FakeFlink) -> None:
    flink.asked_to = lambda *_: {"not": "Flink"}  # type: ignore[method-assign]

    with pytest.raises(FlinkError, match=r"as expected \(KeyError\)"):
        FlinkClient(flink.address).savepoint("a1", 5)


def test_time_that_no_clock_shows_is_another_services(flink: FakeFlink) -> None:
    flink.put({**job(), "start-time": 10**20})

    with pytest.raises(FlinkError, match="as expected"):
        FlinkClient(flink.address).jobs()


def test_id_that_is_none_is_of_no_job(flink: FakeFlink) -> None:
    """Flink answers 400 to it, and 404 to the id of a job that it does not know."""
    flink.refuses = (400, ["Bad request, could not parse parameters: (jobid) from value 'zz'."])

    with pytest.raises(FlinkError, match="knows no /jobs/zz") as unknown:
        FlinkClient(flink.address).job("zz")

    assert unknown.value.missing and unknown.value.exit_code == 1


@pytest.mark.parametrize(
    ("code", "errors", "why"),
    [
        (400, ["Config key [x.dir] is not set."], "Config key [x.dir] is not set."),
        (409, ["x.RestException: ended\n\tat y"], "RestException: ended"),
        (500, ["Internal.", "<Exception on server side:\na.b.Full: 0\n\tat x"], "Full: 0"),
    ],
)
def test_what_flink_refuses_is_told_in_its_words(
    flink: FakeFlink, code: int, errors: list[str], why: str
) -> None:
    flink.refuses = (code, errors)

    with pytest.raises(FlinkError) as refused:
        FlinkClient(flink.address).savepoint("a1", 5)

    assert str(refused.value).endswith(f" refused /jobs/a1/savepoints: {why}")
    assert not refused.value.missing


def test_page_of_a_proxy_is_no_answer_of_flinks(flink: FakeFlink) -> None:
    flink.refuses = (502, ["x"])
    flink.body = b"<html>Bad Gateway</html>"

    with pytest.raises(FlinkError, match=r"as expected \(JSONDecodeError\)"):
        FlinkClient(flink.address).jobs()


def test_failures_are_told_the_newest_first_each_in_a_line(flink: FakeFlink) -> None:
    flink.put(job(), failures=[failure(5), failure(60, "java.lang.Exception: gone")])

    newest, oldest = FlinkClient(flink.address).failures("a1")

    assert newest.cause == "CannotDecode: not JSON"
    assert newest.stack == STACK
    assert newest.age_sec == pytest.approx(5, abs=2)
    assert oldest.cause == "Exception: gone"


@pytest.mark.parametrize(
    ("state", "ended_sec_ago", "waits"),
    [("FAILED", 1, True), ("FAILED", 60, False), ("CANCELED", 1, False)],
)
def test_what_has_just_ended_a_job_is_waited_for(
    state: str,
    ended_sec_ago: float,
    waits: bool,
    flink: FakeFlink,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Flink answers from a copy: just after the end it holds no failure yet."""
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        flink.put(job(state=state, ended_sec_ago=ended_sec_ago), failures=[failure(1)])

    flink.put(job(state=state, ended_sec_ago=ended_sec_ago))
    monkeypatch.setattr(flink_client.time, "sleep", lambda sec: sleep(sec) if sec else None)
    client = FlinkClient(flink.address)

    found = client.failures_of(client.job("a1"))

    assert bool(found) is bool(slept) is waits


@pytest.mark.parametrize(
    ("stack", "cause"),
    [
        (
            f"java.lang.Exception: x\nCaused by: java.lang.RuntimeException: {STACK[:40]}\n"
            f"transforms.a.TooMany: 9 of 10: not_json. Hint: look {MARK} [while running 'S']\n\tat",
            "TooMany: 9 of 10: not_json. Hint: look",
        ),
        (
            f"x.Wrap: y\nCaused by: org.apache.kafka.NoArrivalTime: payments[0] offset 7 {MARK}\n",
            "NoArrivalTime: payments[0] offset 7",
        ),
        (
            "org.apache.flink.runtime.JobException: Recovery is suppressed\n\tat x\n"
            "Caused by: org.apache.flink.util.FlinkException: TaskManager t1 is gone\n\tat y",
            "FlinkException: TaskManager t1 is gone",
        ),
        ("java.lang.OutOfMemoryError\n\tat x", "OutOfMemoryError"),
        ("io.netty.Errors$NativeIoException: reset", "NativeIoException: reset"),
        ("what Flink never said", "what Flink never said"),
        ("", ""),
    ],
    ids=[
        "ends the job",
        "Java ends the job",
        "innermost",
        "without words",
        "within",
        "no stack",
        "nothing",
    ],
)
def test_cause_is_one_line(stack: str, cause: str) -> None:
    assert cause_of(stack) == cause


def test_cause_has_a_limit() -> None:
    assert len(cause_of("a.B: " + "x" * 10_000)) < 1_300


def test_nobody_else_asks_flink_by_himself() -> None:
    """Control: the client itself is found by the same search."""
    found = subprocess.run(
        ["git", "grep", "-lE", "^import requests|^from requests|urllib.request", "--", *WHERE],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.split()

    assert "operations/flink_client.py" in found
    assert set(found) <= {"operations/flink_client.py", "operations/bigquery_client.py"}
