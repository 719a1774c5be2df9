"""A run on DirectRunner: silent while it is built, progress while it lasts, counts at its end.

Engine: DirectRunner as `python -m pipeline` uses it.
"""

from __future__ import annotations

import logging
import signal
import threading

import apache_beam as beam
import pytest
from apache_beam.runners.runner import PipelineResult

from pipeline import main
from pipeline.config import PipelineConfig
from pipeline.launch import run_here
from pipeline.program import Program
from tests.support.graph_run import GraphRun
from tests.support.payments import payload, record
from transforms import BigQuerySink, KafkaSource
from transforms.kafka.progress import Taken
from transforms.payment.outcome import Outcome
from transforms.read_kafka import OffsetRange


def test_building_and_running_the_graph_logs_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    """Beam warns of steps that it takes for mistaken, such as one that yields and returns."""
    caplog.set_level(logging.WARNING)

    GraphRun().run([record(payload(), offset=0), record(payload(transaction_id="t2"), offset=1)])
    for layout in ("sharded", "per_id"):
        GraphRun(dedup_state=layout).build()

    assert [each.getMessage() for each in caplog.records] == []


def test_control_beams_warning_of_such_a_step_is_seen(caplog: pytest.LogCaptureFixture) -> None:
    class Mistaken(beam.DoFn):
        def process(self, element: int):
            if element:
                yield element
            return

    beam.ParDo(Mistaken())

    assert "Using yield and return" in caplog.text


def test_counts_by_outcome_are_those_of_the_tables() -> None:
    run = GraphRun()
    root = run.build(
        [
            record(payload(transaction_id="a"), offset=0),
            record(payload(transaction_id="a"), offset=1),
            record(payload(transaction_id="a", currency="USD"), offset=2),
            record(b"?", offset=3),
            record(payload(transaction_id="b"), offset=4),
        ]
    )
    result: PipelineResult = root.run()
    result.wait_until_finish()

    _, outcomes = run_here.counts(result)

    assert outcomes == {
        Outcome.ACCEPTED: 2,
        Outcome.DUPLICATE: 1,
        Outcome.CONFLICT: 1,
        Outcome.LATE: 0,
        Outcome.INVALID: 1,
        Outcome.SKIPPED: 0,
    }
    assert run_here.told(5, outcomes) == (
        "read 5 accepted 2 duplicate 1 conflict 1 late 0 invalid 1 skipped 0"
    )


def test_only_a_run_in_which_all_is_invalid_is_refused() -> None:
    outcomes = dict.fromkeys(Outcome, 0)

    run_here.require_some_valid(0, outcomes, "p.d")
    run_here.require_some_valid(5, {**outcomes, Outcome.INVALID: 4, Outcome.LATE: 1}, "p.d")
    with pytest.raises(
        run_here.AllInvalid, match=r"all 5 records were invalid.*--bigquery_dataset=p\.d"
    ):
        run_here.require_some_valid(5, {**outcomes, Outcome.INVALID: 5}, "p.d")


def test_progress_is_told_while_a_run_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = Taken()
    taken.add(7)  # by a run before
    monkeypatch.setattr(run_here, "TAKEN", taken)
    said: list[str] = []
    told = threading.Event()

    def say(line: str) -> None:
        said.append(line)
        if len(said) == 1:
            taken.add(60)
        told.set() if len(said) > 2 else None

    spans = [OffsetRange("payments", 0, 10, 110)]
    taken.add(40)
    with run_here.progress(spans, say, every_sec=0.01):
        taken.add(0)
        assert told.wait(10)

    assert "of 100 offsets; none lately: deduplicating and writing" in said[-1]
    assert "read 60 records of 100 offsets" in said[1]


def test_short_run_says_nothing() -> None:
    said: list[str] = []

    with run_here.progress([], said.append, every_sec=60):
        pass

    assert said == []


def test_ctrl_c_within_a_step_is_no_failure_of_it() -> None:
    before = signal.getsignal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt), run_here.interruptible():
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt as error:
            raise RuntimeError(f"{error!r} [while running 'ReadKafka']") from None
    with pytest.raises(RuntimeError, match="bad"), run_here.interruptible():
        raise RuntimeError("bad")

    assert signal.getsignal(signal.SIGINT) is before


def _interrupts(element: int) -> int:
    signal.raise_signal(signal.SIGINT)
    return element


def test_ctrl_c_while_a_recovery_reads_is_no_failure_of_it() -> None:
    """`--start_from_tables` runs a bounded job first, on DirectRunner as well."""

    def build(root: beam.Pipeline, config: PipelineConfig) -> None:
        _ = root | beam.Create([1]) | beam.Map(_interrupts)

    run = PipelineConfig(
        "DirectRunner", KafkaSource("b:1", ("payments",)), BigQuerySink("p", "d"), 1, 1
    )
    with pytest.raises(KeyboardInterrupt):
        main._complete(Program(build), run)


def test_ctrl_c_ends_with_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*arguments: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(main, "_run", interrupted)
    flags = ["--kafka_bootstrap_servers=b:1", "--kafka_topics=a", "--bigquery_dataset=p-p.d"]

    assert main.main(flags) == 130
    assert capsys.readouterr().err == "interrupted\n"
