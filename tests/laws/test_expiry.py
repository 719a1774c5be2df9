"""Ids are forgotten when their horizon has passed by the watermark, not a tick before.

Engine: DirectRunner's streaming engine, with the watermark moved by hand; that engine does not
report counters of timers, so those are read from the bounded one. What a copy's verdict is at each
moment is in tests/transforms/test_deduplicate.py; here it is the state itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import apache_beam as beam
import pytest
from apache_beam.metrics.execution import MetricResult
from apache_beam.metrics.metric import MetricsFilter
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.runners.runner import PipelineResult
from apache_beam.testing.test_pipeline import TestPipeline
from apache_beam.testing.test_stream import TestStream
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import Timestamp

from tests.laws.stories import TICK_US
from tests.support.lists import Each, InLists
from tests.support.payments import SECOND_US, transaction
from tests.support.shards import SHARDS
from transforms import Deduplicate
from transforms.deduplicate import StateLayout
from transforms.payment.dedup_policy import DedupPolicy, FirstSeen
from transforms.payment.metric_names import NAMESPACE

HORIZON_US = 60 * SECOND_US


BUCKET_US = HORIZON_US // 4  # sharded state is cleared by the bucket, per_id by the id
LAYOUTS: list[StateLayout] = ["sharded", "per_id"]


class BlindPolicy(DedupPolicy):
    """Knows no time: an id counts as forgotten only when the state has really been cleared."""

    def forgets(self, first: FirstSeen, arrival_us: int) -> bool:
        return False


def at(arrival_us: int, offset: int, id_: str = "A") -> TimestampedValue:
    arrived = transaction(id_, arrival_us=arrival_us, offset=offset)
    return TimestampedValue(arrived, Timestamp(micros=arrival_us))


def us(moment_us: int) -> Timestamp:
    return Timestamp(micros=moment_us)


def stream() -> TestStream:
    return TestStream().advance_watermark_to(0)


def check(
    arrivals: TestStream,
    policy: DedupPolicy,
    accepted: Sequence[int],
    duplicates: Sequence[int],
    layout: StateLayout = "sharded",
) -> None:
    """Runs Deduplicate on the stream and compares the offsets of both ends."""
    with TestPipeline(options=PipelineOptions([], streaming=True)) as root:
        transactions = root | arrivals.advance_watermark_to_infinity() | InLists()
        result = transactions | Deduplicate(policy, SHARDS, layout)
        first = result.accepted | "A" >> Each() | "first" >> beam.Map(lambda it: it.offset)
        copies = (
            result.duplicates
            | "D" >> Each()
            | "copies" >> beam.Map(lambda it: it.transaction.offset)
        )
        assert_that(first, equal_to(list(accepted)), "accepted")
        assert_that(copies, equal_to(list(duplicates)), "duplicates")


@pytest.mark.parametrize(
    ("layout", "watermark_us", "accepted", "duplicates"),
    [
        ("per_id", HORIZON_US, [0], [1]),  # a copy may still arrive at this very tick
        ("per_id", HORIZON_US + TICK_US, [0, 1], []),
        ("sharded", HORIZON_US + BUCKET_US, [0], [1]),
        ("sharded", HORIZON_US + BUCKET_US + TICK_US, [0, 1], []),
    ],
)
def test_state_is_cleared_one_tick_after_the_horizon(
    layout: StateLayout, watermark_us: int, accepted: list[int], duplicates: list[int]
) -> None:
    arrivals = (
        stream()
        .add_elements([at(0, offset=0)])
        .advance_watermark_to(us(watermark_us))
        .add_elements([at(watermark_us, offset=1)])
    )

    check(arrivals, BlindPolicy(HORIZON_US), accepted, duplicates, layout)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_copies_until_the_end_do_not_put_off_the_clearing(layout: StateLayout) -> None:
    cleared_us = HORIZON_US + BUCKET_US + TICK_US
    arrivals = stream()
    for second in range(0, 60, 10):
        arrivals.add_elements([at(second * SECOND_US, offset=second)])
        arrivals.advance_watermark_to(second + 1)
    arrivals.advance_watermark_to(us(cleared_us))
    arrivals.add_elements([at(cleared_us, offset=61)])

    check(arrivals, BlindPolicy(HORIZON_US), [0, 61], [10, 20, 30, 40, 50], layout)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_bounded_run_forgets_every_id_once_at_its_end(layout: StateLayout) -> None:
    """Three ids, one of them with copies: each is forgotten once, and none is left."""
    arrivals = [at(second * SECOND_US, second, "ABACA"[second]) for second in range(5)]
    root = beam.Pipeline(runner=FnApiRunner(), options=PipelineOptions([]))
    stamped = root | beam.Create([(it.value, it.timestamp) for it in arrivals])
    deduplicate = Deduplicate(DedupPolicy(HORIZON_US), SHARDS, layout)
    _ = stamped | beam.MapTuple(TimestampedValue) | InLists() | deduplicate

    result = root.run()
    result.wait_until_finish()

    counters = {each.key.metric.name: each.committed for each in counters_of(result)}
    assert counters["transactions_accepted"] == counters["ids_forgotten"] == 3


def counters_of(result: PipelineResult) -> list[MetricResult]:
    return result.metrics().query(MetricsFilter().with_namespace(NAMESPACE))["counters"]


def test_watermark_of_arrivals_keeps_ids_through_a_pause() -> None:
    """The pipeline stands still for an hour; what it then reads arrived within the horizon."""
    for layout in LAYOUTS:
        delivered = stream().add_elements([at(0, offset=0)]).add_elements([copy_from_the_pause()])
        check(delivered, DedupPolicy(HORIZON_US), [0], [1], layout)


def test_control_watermark_of_the_wall_clock_counts_twice_after_a_pause() -> None:
    """Why ReadKafka takes arrival for its watermark: the same pause, the clock on the wall."""
    for layout in LAYOUTS:
        delivered = (
            stream()
            .add_elements([at(0, offset=0)])
            .advance_watermark_to(3_600)
            .add_elements([copy_from_the_pause()])
        )
        check(delivered, DedupPolicy(HORIZON_US), [0, 1], [], layout)


def copy_from_the_pause() -> TimestampedValue:
    return at(30 * SECOND_US, offset=1)
