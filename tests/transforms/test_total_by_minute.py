"""Totals by minute: panes replace each other, corrections add up.

Late panes are tested on Flink (tests/integration): Python's own streaming runner stalls on them
(Beam 2.70.0).
"""

from collections import defaultdict

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.test_pipeline import TestPipeline
from apache_beam.testing.test_stream import TestStream
from apache_beam.testing.util import assert_that
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import Timestamp

from tests.support.lists import Each, InLists
from tests.support.payments import SECOND_US, transaction
from transforms import TotalByMinute
from transforms.payment.transaction import ReplayOf
from transforms.total_by_minute import MinuteTotal

LATENESS_SEC = 3_600
SKEW_SEC = 300


def paid(event_sec: int, arrival_sec: int | None = None, **changes: object) -> TimestampedValue:
    arrival_sec = event_sec if arrival_sec is None else arrival_sec
    payment = transaction(
        arrival_us=arrival_sec * SECOND_US, event_time_us=event_sec * SECOND_US, **changes
    )
    return TimestampedValue(payment, Timestamp(arrival_sec))


def run(stream: TestStream, check) -> None:
    with TestPipeline(options=PipelineOptions(streaming=True)) as root:
        payments = root | stream | InLists()
        totals = payments | TotalByMinute(
            LATENESS_SEC * SECOND_US, (LATENESS_SEC + SKEW_SEC) * SECOND_US, 10, "run-1"
        )
        assert_that(totals | beam.Flatten() | Each(), check)


def view(totals: list[MinuteTotal]) -> dict[tuple[int, str], tuple[int, int]]:
    """Returns what the view totals_by_minute_latest shows: the last pane plus the corrections."""
    last: dict[tuple[int, str], MinuteTotal] = {}
    added: dict[tuple[int, str], list[int]] = defaultdict(lambda: [0, 0])
    for total in totals:
        key = (total.window_start_us // SECOND_US, total.currency)
        if total.pane_timing == "correction":
            added[key][0] += total.payment_count
            added[key][1] += total.amount_minor
        elif key not in last or total.pane_index > last[key].pane_index:
            last[key] = total
    for key, total in last.items():
        added[key][0] += total.payment_count
        added[key][1] += total.amount_minor
    return {key: (count, amount) for key, (count, amount) in added.items()}


def shows(expected: dict[tuple[int, str], tuple[int, int]], timings: set[str]):
    def check(totals: list[MinuteTotal]) -> None:
        assert view(totals) == expected, totals
        assert {total.pane_timing for total in totals} == timings, totals

    return check


def test_minutes_and_currencies_are_summed_apart() -> None:
    stream = (
        TestStream()
        .advance_watermark_to(0)
        .add_elements([paid(0, amount_minor=5), paid(59, amount_minor=7), paid(60, amount_minor=1)])
        .add_elements([paid(30, amount_minor=9, currency="JPY")])
        .advance_watermark_to_infinity()
    )

    run(
        stream,
        shows({(0, "EUR"): (2, 12), (60, "EUR"): (1, 1), (0, "JPY"): (1, 9)}, {"on_time"}),
    )


def test_pane_after_pane_replaces_the_one_before() -> None:
    stream = (
        TestStream()
        .advance_watermark_to(0)
        .add_elements([paid(1, amount_minor=5)])
        .advance_processing_time(11)
        .add_elements([paid(2, amount_minor=6)])
        .advance_watermark_to_infinity()
    )

    run(stream, shows({(0, "EUR"): (2, 11)}, {"early", "on_time"}))


def test_replay_older_than_its_window_is_a_correction() -> None:
    """In its window it would be dropped, for the window is gone."""
    days = 86_400
    replay = paid(0, arrival_sec=days, replay_of=ReplayOf("payments", 0, 1, 0))
    stream = (
        TestStream()
        .advance_watermark_to(0)
        .add_elements([paid(0)])
        .advance_watermark_to(days)
        .add_elements([replay])
        .advance_watermark_to_infinity()
    )

    run(stream, shows({(0, "EUR"): (2, 2_500)}, {"on_time", "correction"}))
