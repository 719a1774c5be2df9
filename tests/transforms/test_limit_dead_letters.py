"""The ceiling on dead letters: over it the job stops, under it nothing happens."""

import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.test_pipeline import TestPipeline
from apache_beam.testing.test_stream import TestStream
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import Timestamp

from tests.support.lists import InLists
from tests.support.payments import SECOND_US, payload, record
from transforms import DecodeTransaction, LimitDeadLetters
from transforms.codecs.contract import shipped
from transforms.codecs.contract.decoder import Decoder
from transforms.limit_dead_letters import RECORDS_MIN
from transforms.payment import reason_counts
from transforms.payment.rules import Rules


def arrivals(minute: int, good: int, bad: int) -> list[TimestampedValue]:
    at_sec = 60 * minute
    return [
        TimestampedValue(
            record(payload() if n < good else b"?", offset=n, arrival_us=at_sec * SECOND_US),
            Timestamp(at_sec),
        )
        for n in range(good + bad)
    ]


def run(stream: TestStream, ratio_max: float) -> None:
    with TestPipeline(options=PipelineOptions(streaming=True)) as root:
        records = root | stream | InLists()
        decoded = records | DecodeTransaction(
            Decoder(shipped.native()), Rules(clock_skew_us=10**18)
        )
        _ = (records, decoded.dead_letters) | LimitDeadLetters(ratio_max, look_every_sec=1)


def stream_of(*minutes: list[TimestampedValue]) -> TestStream:
    stream = TestStream().advance_watermark_to(0)
    for minute in minutes:
        stream = stream.add_elements(minute).advance_processing_time(5)
    return stream.advance_watermark_to_infinity()


def test_minute_over_the_ceiling_stops_the_job_and_says_what_to_do() -> None:
    with pytest.raises(Exception, match=r"60 of 110 records .* Hint: "):
        run(stream_of(arrivals(0, good=50, bad=60)), 0.5)


def test_stop_counts_each_reason_with_one_place() -> None:
    """The job that stops may never have made its dead letters visible."""
    bad = [b"?"] * 60 + [payload(currency="XXX")] * 40 + [b"[]"] * 30
    minute = [
        TimestampedValue(record(each, offset=n, arrival_us=SECOND_US), Timestamp(1))
        for n, each in enumerate(bad)
    ]
    expected = (
        r"130 of 130 records .*: 60 not_json, the first at payments\[0\] offset 0; "
        r"40 unknown_currency, the first at payments\[0\] offset 60; "
        r"30 not_an_object, the first at payments\[0\] offset 100\. --dead_letter_ratio_max"
    )

    for order in (minute, minute[::-1]):
        with pytest.raises(Exception, match=expected):
            run(stream_of(order), 0.5)


def test_reasons_are_added_in_any_order_and_the_list_has_an_end() -> None:
    counts = [(f"reason_{n % 7}", 1, "payments", n % 3, n) for n in range(100)]

    added = reason_counts.added(counts)

    assert reason_counts.added(reversed(counts)) == added
    assert reason_counts.added([*reason_counts.added(counts[:40]), *counts[40:]]) == added
    assert sum(count for _, count, *_ in added) == 100
    assert reason_counts.told(added).endswith("; 2 more reasons")


def test_minute_at_the_ceiling_goes_on() -> None:
    run(stream_of(arrivals(0, good=60, bad=60)), 0.5)


def test_few_records_say_nothing_of_a_minute() -> None:
    run(stream_of(arrivals(0, good=0, bad=RECORDS_MIN - 1)), 0.5)

    with pytest.raises(Exception, match="100 of 100 records"):
        run(stream_of(arrivals(0, good=0, bad=RECORDS_MIN)), 0.5)


def test_minutes_are_judged_apart() -> None:
    """Over both minutes a third is bad; in the second, most are."""
    with pytest.raises(Exception, match="100 of 110 records"):
        run(stream_of(arrivals(0, good=200, bad=0), arrivals(1, good=10, bad=100)), 0.5)


def test_ceiling_of_one_never_stops() -> None:
    run(stream_of(arrivals(0, good=0, bad=300)), 1.0)
