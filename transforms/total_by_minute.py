"""Step 6: adds up the accepted payments of each minute of event time, per currency."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.transforms.trigger import AccumulationMode
from apache_beam.transforms.window import FixedWindows, GlobalWindows
from apache_beam.utils.timestamp import Duration
from apache_beam.utils.windowed_value import PaneInfoTiming

from transforms.payment.minutes import MINUTE_US, minute_of
from transforms.payment.transaction import Transaction
from transforms.sum_per_bundle import Addend, SumPerBundle, add_pairs, panes

_CORRECTION = "correction"
_TIMINGS = {
    PaneInfoTiming.EARLY: "early",
    PaneInfoTiming.ON_TIME: "on_time",
    PaneInfoTiming.LATE: "late",
    PaneInfoTiming.UNKNOWN: "on_time",
}


class MinuteTotal(NamedTuple):
    """What one pane of one minute and currency says; or what a replay adds after the last.

    Panes of one run replace each other; runs and corrections add up.
    """

    run_id: str
    window_start_us: int
    currency: str
    payment_count: int
    amount_minor: int
    pane_timing: str  # early, on_time, late, or correction
    pane_index: int


class TotalByMinute(beam.PTransform):
    """Counts and sums accepted payments in fixed windows of a minute of event time.

    Input:      [accepted Transaction, …], global window.
    Output:     [MinuteTotal]: early panes while the minute lasts, one when the watermark has passed
                it, late ones after. Each pane replaces those before it of its run (accumulating).
    Guarantee:  the last panes of all runs and the corrections add up to the accepted payments.
                A payment belongs to the run that first saw it, so a job may begin without the
                sums of the one before (docs/decisions/0012).
                No window can drop one: it arrived within the allowed lateness of its event time,
                the watermark follows arrival, and windows stay open for `keep_open_us`, which is
                longer than that (docs/decisions/0007).
    Limit:      a replayed dead letter may be older than that. Its minute is closed: it becomes a
                correction, which is added to the last pane instead of replacing it.
    State:      two integers per bundle, minute and currency, freed when the window closes.
    """

    def __init__(
        self,
        allowed_lateness_us: int,
        keep_open_us: int,
        pane_every_sec: int | None,
        run_id: str,
    ) -> None:
        super().__init__()
        self._run_id = run_id
        self._pane_every_sec = pane_every_sec
        self._allowed_lateness_us = allowed_lateness_us
        self._keep_open_us = keep_open_us

    def expand(self, accepted: beam.PCollection[list[Transaction]]) -> list[beam.PCollection]:
        """Returns the panes, and the corrections."""
        in_time = accepted | "InTime" >> beam.ParDo(
            _ByAgeFn(self._allowed_lateness_us, outdated=False)
        ).with_output_types(list[Transaction])
        totals = (
            in_time
            | "SumPerBundle" >> SumPerBundle(functools.partial(_addends, self._run_id))
            | "IntoMinutes"
            >> beam.WindowInto(
                FixedWindows(MINUTE_US // 1_000_000),
                trigger=panes(self._pane_every_sec),
                accumulation_mode=AccumulationMode.ACCUMULATING,
                allowed_lateness=Duration(micros=self._keep_open_us),
            )
            | "Gather" >> beam.GroupByKey()
            | "ToTotal" >> beam.ParDo(_ToTotalFn())
            # A later grouping must neither wait for these windows nor drop what is late for them.
            | "OutOfMinutes" >> beam.WindowInto(GlobalWindows())
        )
        corrections = (
            accepted
            | "Outdated" >> beam.ParDo(_ByAgeFn(self._allowed_lateness_us, outdated=True))
            | "ToCorrection" >> beam.Map(functools.partial(_corrections, self._run_id))
        )
        return [totals, corrections]


def _addends(run_id: str, payments: list[Transaction]) -> Iterator[Addend]:
    sums: dict[tuple[str, int], list[int]] = {}
    for payment in payments:
        place = payment.currency, minute_of(payment.event_time_us)
        try:
            sums[place].append(payment.amount_minor)
        except KeyError:
            sums[place] = [payment.amount_minor]
    for (currency, minute_us), amounts in sums.items():
        yield Addend(f"{run_id}/{currency}", minute_us, len(amounts), sum(amounts))


def _corrections(run_id: str, payments: list[Transaction]) -> list[MinuteTotal]:
    return [
        MinuteTotal(
            run_id,
            minute_of(payment.event_time_us),
            payment.currency,
            1,
            payment.amount_minor,
            _CORRECTION,
            0,
        )
        for payment in payments
    ]


class _ByAgeFn(beam.DoFn):
    """Lets through the payments whose minute may be closed, or the others."""

    def __init__(self, allowed_lateness_us: int, outdated: bool) -> None:
        self._allowed_lateness_us = allowed_lateness_us
        self._outdated = outdated

    def process(self, payments: list[Transaction]) -> Iterator[list[Transaction]]:
        # By its own arrival, not by the one that a replay is judged by: that is where the
        # watermark is.
        limit_us, outdated = self._allowed_lateness_us, self._outdated
        those = [
            each
            for each in payments
            if (each.broker_time_us - each.event_time_us > limit_us) is outdated
        ]
        if those:
            yield those


class _ToTotalFn(beam.DoFn):
    def process(
        self,
        element: tuple[str, Iterable[tuple[int, int]]],
        window: Any = beam.DoFn.WindowParam,
        pane: Any = beam.DoFn.PaneInfoParam,
    ) -> Iterator[list[MinuteTotal]]:
        key, sums = element
        run_id, _, currency = key.partition("/")
        count, amount_minor = add_pairs(sums)
        timing = _TIMINGS[pane.timing]
        yield [
            MinuteTotal(
                run_id, window.start.micros, currency, count, amount_minor, timing, pane.index
            )
        ]
