"""Deduplicate on the DirectRunner's streaming engine, with the watermark moved by hand.

Both layouts of its state must pass every test.
"""

from collections.abc import Callable, Iterable

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.test_pipeline import TestPipeline
from apache_beam.testing.test_stream import TestStream
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import Timestamp

from tests.support.lists import Each, InLists
from tests.support.payments import SECOND_US, transaction
from tests.support.shards import SHARDS
from transforms import Deduplicate
from transforms.deduplicate import StateLayout
from transforms.payment.dedup_policy import DedupPolicy
from transforms.payment.transaction import Transaction

HORIZON_SEC = 60

pytestmark = pytest.mark.parametrize("layout", ["sharded", "per_id"])


def at(second: int, name: str = "A", **changes: object) -> TimestampedValue:
    arrived = transaction(name, arrival_us=second * SECOND_US, offset=second, **changes)
    return TimestampedValue(arrived, Timestamp(second))


def offsets(expected: Iterable[int]) -> Callable[[list[Transaction]], None]:
    return equal_to(list(expected))


def check(
    layout: StateLayout,
    stream: TestStream,
    accepted: list[int],
    duplicates: list[int],
    conflicts: list[int],
) -> None:
    """Runs Deduplicate on the stream and compares the offsets (= seconds) in all three ends."""
    options = PipelineOptions(streaming=True)
    with TestPipeline(options=options) as root:
        arrivals = root | stream | InLists()
        result = arrivals | Deduplicate(DedupPolicy(HORIZON_SEC * SECOND_US), SHARDS, layout)
        assert_that(
            result.accepted | "A" >> Each() | "a" >> beam.Map(lambda it: it.offset),
            offsets(accepted),
            "1",
        )
        assert_that(
            result.duplicates | "D" >> Each() | "d" >> beam.Map(lambda it: it.transaction.offset),
            offsets(duplicates),
            "2",
        )
        assert_that(
            result.conflicts | "C" >> Each() | "c" >> beam.Map(lambda it: it.transaction.offset),
            offsets(conflicts),
            "3",
        )


def stream() -> TestStream:
    return TestStream().advance_watermark_to(0)


def test_first_arrival_is_kept_and_copies_are_set_aside(layout: StateLayout) -> None:
    arrivals = stream().add_elements([at(0), at(1), at(2, "B")]).add_elements([at(3)])

    check(layout, arrivals.advance_watermark_to_infinity(), [0, 2], [1, 3], [])


def test_contradiction_is_a_conflict_and_its_own_copy_too(layout: StateLayout) -> None:
    arrivals = (
        stream()
        .add_elements([at(0)])
        .add_elements([at(1, amount_minor=9)])
        .add_elements([at(2, amount_minor=9), at(3)])
    )

    check(layout, arrivals.advance_watermark_to_infinity(), [0], [3], [1, 2])


def test_copy_does_not_extend_the_horizon(layout: StateLayout) -> None:
    arrivals = (
        stream()
        .add_elements([at(0)])
        .add_elements([at(50)])  # inside the horizon of 60
        .advance_watermark_to(61)  # the id is forgotten here, not at 110
        .add_elements([at(70)])  # new again
    )

    check(layout, arrivals.advance_watermark_to_infinity(), [0, 70], [50], [])


def test_watermark_short_of_the_horizon_forgets_nothing(layout: StateLayout) -> None:
    arrivals = stream().add_elements([at(0)]).advance_watermark_to(59).add_elements([at(59)])

    check(layout, arrivals.advance_watermark_to_infinity(), [0], [59], [])


def test_second_life_of_an_id_has_a_horizon_of_its_own(layout: StateLayout) -> None:
    arrivals = (
        stream()
        .add_elements([at(0)])
        .advance_watermark_to(65)
        .add_elements([at(70)])
        .advance_watermark_to(120)
        .add_elements([at(129)])  # 59 s after 70
        .advance_watermark_to(131)
        .add_elements([at(132)])
    )

    check(layout, arrivals.advance_watermark_to_infinity(), [0, 70, 132], [129], [])


def test_expiry_really_clears_the_state(
    layout: StateLayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control of the tests above: this policy is blind to time, so only a clear accepts again."""
    monkeypatch.setattr(DedupPolicy, "forgets", lambda self, first, arrival_us: False)
    arrivals = (
        stream()
        .add_elements([at(0), at(0, "B")])
        .add_elements([at(50)])
        .advance_watermark_to(76)  # a bucket of a quarter of the horizon, and the horizon
        .add_elements([at(80)])
    )

    check(layout, arrivals.advance_watermark_to_infinity(), [0, 0, 80], [50], [])
