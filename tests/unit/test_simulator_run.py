"""A run sends, acknowledges and writes down everything, whatever ends it."""

import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest

from simulator import clock, destination, ledger, produce, run
from simulator.produce import Acknowledged, ProduceError, Publisher
from simulator.run import Job
from simulator.schedule import Schedule
from simulator.send import Send
from simulator.traffic import Traffic
from transforms.kafka.topic_times import TYPE, Times

TRAFFIC = Traffic(
    rate_per_sec=0, count=700, accounts=20, duplicate_ratio=0.1, invalid_ratio=0.1, late_ratio=0.1
)


class MemoryPublisher:
    """Kafka, in a dictionary: acknowledges all but the last `unanswered` records."""

    partitions = 3
    unanswered = 0
    at: ClassVar[dict[int, str]] = {}

    def __init__(self, *_: object) -> None:
        self.failure: ProduceError | None = None
        self.in_flight = 0
        self.sent: list[tuple[int, Send]] = []
        self._answered = 0
        self._offsets: Counter[int] = Counter()

    def send(self, n: int, send: Send) -> None:
        if self.at.get(n) == "signal":
            signal.raise_signal(signal.SIGTERM)
        if self.at.get(n) == "fail":
            raise ProduceError("record 40 is too large")
        if self.at.get(n) == "refuse":
            self.failure = ProduceError("record 40 was refused")
        self.sent.append((n, send))

    def complete(self) -> None:
        pass

    def acknowledged(self) -> Iterator[Acknowledged]:
        while self._answered < len(self.sent) - self.unanswered:
            n, send = self.sent[self._answered]
            self._answered += 1
            yield Acknowledged(n, send, self._offsets[send.partition])
            self._offsets[send.partition] += 1

    def unacknowledged(self) -> list[tuple[int, Send]]:
        return self.sent[self._answered :]

    def close(self) -> None:
        pass


def run_with(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, at: dict[int, str], unanswered: int = 0
) -> tuple[int | str, list[ledger.LedgerEntry]]:
    monkeypatch.setattr(run, "Publisher", MemoryPublisher)
    monkeypatch.setattr(MemoryPublisher, "at", at)
    monkeypatch.setattr(MemoryPublisher, "unanswered", unanswered)
    path = tmp_path / "run.jsonl"
    result: int | str
    try:
        result = run.run(Job(TRAFFIC, "h:1", "payments", {}, path, None))
    except ProduceError as error:
        result = str(error)
    return result, list(ledger.read(path))


def test_what_is_planned_is_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, entries = run_with(monkeypatch, tmp_path, {})

    assert code == 0
    assert [entry.n for entry in entries] == list(range(700))
    places = {(entry.partition, entry.offset) for entry in entries}
    assert len(places) == 700
    out = capsys.readouterr().out
    counts = Counter(entry.expected.value for entry in entries)
    for outcome, count in counts.items():
        assert f"  {outcome:<12}{count:>14,}" in out
    yen = sum(
        entry.amount_minor or 0
        for entry in entries
        if entry.currency == "JPY" and entry.expected.value == "accepted"
    )
    assert f"JPY{yen:>27,}" in out


def test_a_signal_ends_the_run_with_a_whole_ledger(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = signal.getsignal(signal.SIGTERM)

    code, entries = run_with(monkeypatch, tmp_path, {40: "signal"})

    assert code == 128 + signal.SIGTERM
    assert [entry.n for entry in entries] == list(range(500))  # the chunk under way
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(("how", "message"), [("fail", "too large"), ("refuse", "refused")])
def test_a_record_that_cannot_be_delivered_ends_the_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, how: str, message: str
) -> None:
    result, entries = run_with(monkeypatch, tmp_path, {40: how})

    assert message in str(result)
    assert {entry.n for entry in entries} >= set(range(40))


def test_what_is_not_acknowledged_has_no_offset(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, entries = run_with(monkeypatch, tmp_path, {}, unanswered=5)

    assert [entry.n for entry in entries if entry.offset is None] == list(range(695, 700))
    assert "never acknowledged" in capsys.readouterr().out


class FakeKafka:
    """A producer whose answers the test gives."""

    def __init__(self, **config: object) -> None:
        self.config = config
        self.futures: list[SimpleNamespace] = []
        self.times_ms: list[int] = []

    def partitions_for(self, topic: str) -> set[int]:
        return {0, 1}

    def send(self, *_: object, partition: int, headers=None, timestamp_ms: int) -> SimpleNamespace:
        self.times_ms.append(timestamp_ms)
        self.futures.append(SimpleNamespace(is_done=False, exception=None, value=None))
        return self.futures[-1]


def test_a_refused_record_is_named_and_does_not_hide_later_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake = FakeKafka()
    monkeypatch.setattr(produce, "connect", lambda *_: fake)
    publisher = Publisher("h:1", "payments", {})
    send = Send(b"k", 1, b"{}", None, None, None, None, "none")  # type: ignore[arg-type]
    for n in range(4):
        publisher.send(n, send)
    first, second, third, _ = fake.futures
    for future, offset in ((first, 7), (third, -1)):
        future.is_done, future.value = True, SimpleNamespace(offset=offset)
    second.is_done, second.exception = True, TimeoutError("no answer for 240 s")

    answers = [(record.n, record.offset) for record in publisher.acknowledged()]

    assert answers == [(0, 7), (2, None)]  # -1: stored, but where is not known
    assert [n for n, _ in publisher.unacknowledged()] == [1, 3]
    assert publisher.in_flight == 1
    assert "record 1 (none, 2 bytes)" in str(publisher.failure)
    assert "payments-1 at h:1: no answer for 240 s" in str(publisher.failure)


@pytest.mark.parametrize("off_sec", [0.0, -500.0, 50.0])
def test_records_carry_the_time_of_their_producers_clock(
    off_sec: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeKafka()
    monkeypatch.setattr(produce, "connect", lambda *_: fake)
    publisher = Publisher("h:1", "payments", {}, off_sec)
    before_ms = time.time() * 1_000

    publisher.send(0, Send(b"k", 1, b"{}", None, None, None, None, "none"))  # type: ignore[arg-type]

    [time_ms] = fake.times_ms
    assert before_ms - 1 <= time_ms - off_sec * 1_000 <= time.time() * 1_000 + 1


@pytest.mark.parametrize(
    ("times", "off_sec", "said"),
    [
        (Times("LogAppendTime", None, None), -5, "must have message.timestamp.type=CreateTime"),
        (Times("CreateTime", 600_000, 60_000), -600, "before.max.ms=600000"),
        (Times("CreateTime", 600_000, 60_000), 60, "after.max.ms=60000"),
        (Times("CreateTime", 600_000, 60_000), -599, None),
        (Times("CreateTime", 600_000, 60_000), 59, None),
        (Times("CreateTime", None, None), -5_000, None),
    ],
)
def test_topic_takes_the_times_of_a_clock_that_is_off_within_its_bounds(
    times: Times, off_sec: float, said: str | None
) -> None:
    problem = clock.problem_of(times, off_sec)

    assert problem is None if said is None else said in str(problem)


def test_topic_is_asked_with_the_connection_of_the_sender(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = destination.connection("h:1", None)

    def admin(*, bootstrap_servers: list[str], bootstrap_timeout_ms: int) -> SimpleNamespace:
        assert bootstrap_servers == ["h:1"]
        said = {"topic": {"payments": {TYPE: {"value": "LogAppendTime"}}}}
        return SimpleNamespace(describe_configs=lambda *_, **__: said, close=lambda: None)

    monkeypatch.setattr(clock, "KafkaAdminClient", admin)

    with pytest.raises(ProduceError, match=r"must have .*=CreateTime, .* --clock_off_sec=-5"):
        clock.check("payments", connection, -5)


def test_a_stall_does_not_change_the_rate_of_the_whole() -> None:
    now = [0.0]
    schedule = Schedule(100, 5_000_000, now_sec=lambda: now[0])

    assert schedule.due() == 1
    now[0] = 10.0
    assert schedule.due() == 1_001  # nothing is lost to the stall
    assert schedule.behind_sec(sent=500) == pytest.approx(5.0)
    assert schedule.wait_sec(sent=1_100) == pytest.approx(1.0)
    assert schedule.event_time_us(200) == 7_000_000  # planned, not sent


def test_a_moved_schedule_moves_event_times_too() -> None:
    now = [100.0]
    schedule = Schedule(100, 5_000_000, now_sec=lambda: now[0])

    schedule.move(60.0)

    assert schedule.behind_sec(sent=0) == pytest.approx(-60.0)
    assert schedule.event_time_us(100) == 66_000_000


def test_without_a_rate_event_times_are_the_moment() -> None:
    now = [100.0]
    schedule = Schedule(0, 5_000_000, now_sec=lambda: now[0])
    now[0] = 101.5

    assert schedule.event_time_us(3) == 6_500_000
    assert schedule.due() > 10**12 and schedule.wait_sec(10**6) == 0
