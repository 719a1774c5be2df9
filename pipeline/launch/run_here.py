"""A job in this process, on DirectRunner: its progress, and what became of its records."""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from apache_beam.metrics.metric import MetricsFilter
from apache_beam.runners.runner import PipelineResult

from transforms.kafka.progress import TAKEN
from transforms.payment.metric_names import NAMESPACE, CounterName
from transforms.payment.outcome import Outcome
from transforms.read_kafka import OffsetRange

_LOG = logging.getLogger("pipeline")

_TELL_EVERY_SEC = 5.0
_COUNTERS: Mapping[Outcome, CounterName] = {
    Outcome.ACCEPTED: "transactions_accepted",
    Outcome.DUPLICATE: "transactions_duplicate",
    Outcome.CONFLICT: "transactions_conflict",
    Outcome.LATE: "transactions_late",
    Outcome.INVALID: "records_invalid",
    Outcome.SKIPPED: "records_skipped",
}


class AllInvalid(RuntimeError):
    """Every record was rejected: more likely the wrong topic or contract than bad payments."""


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Lets Ctrl-C through: Beam makes a failure of a step of it, since steps run in this thread."""
    interrupted = threading.Event()

    def interrupt(*_: object) -> None:
        interrupted.set()
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    except Exception:
        if interrupted.is_set():
            raise KeyboardInterrupt from None
        raise
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def progress(
    ranges: Sequence[OffsetRange],
    say: Callable[[str], object] = _LOG.info,
    every_sec: float = _TELL_EVERY_SEC,
) -> Iterator[None]:
    """Tells how many records were read, now and then, for the length of a with-block.

    A job that is done before `every_sec` has nothing to tell.
    """
    over = threading.Event()
    offsets = sum(span.end - span.start for span in ranges)
    before, began = TAKEN.records, time.monotonic()

    def tell_on() -> None:
        told = -1
        while not over.wait(every_sec):
            read = TAKEN.records - before
            stands = "; none lately: deduplicating and writing, unless Kafka stands still"
            more = stands if read == told else ""
            took_sec = time.monotonic() - began
            say(f"{took_sec:.0f} s: read {read} records of {offsets} offsets{more}")
            told = read

    threading.Thread(target=tell_on, name="progress", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def counts(result: PipelineResult) -> tuple[int, dict[Outcome, int]]:
    """Returns how many records were read, and what became of them, as the steps counted."""
    found: dict[str, int] = {}
    for counter in result.metrics().query(MetricsFilter().with_namespace(NAMESPACE))["counters"]:
        name = counter.key.metric.name
        found[name] = found.get(name, 0) + int(counter.committed or 0)
    outcomes = {outcome: found.get(name, 0) for outcome, name in _COUNTERS.items()}
    return found.get("records_read", 0), outcomes


def told(read: int, outcomes: Mapping[Outcome, int]) -> str:
    """Returns the counts in the order of the last line of `payments reconcile`."""
    parts = " ".join(f"{outcome.value} {count}" for outcome, count in outcomes.items())
    return f"read {read} {parts}"


def require_some_valid(read: int, outcomes: Mapping[Outcome, int], dataset: str) -> None:
    """Raises AllInvalid when there were records, and none of them was valid."""
    if read and outcomes[Outcome.INVALID] == read:
        raise AllInvalid(
            f"all {read} records were invalid: nothing was counted. Hint: `payments dead-letters "
            f"list --bigquery_dataset={dataset}` says why; is it the right topic, and do its "
            "records keep the contract?"
        )
