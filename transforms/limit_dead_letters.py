"""Step 4a: stops the job when too many records of a minute are dead letters."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.transforms.trigger import AccumulationMode
from apache_beam.transforms.window import FixedWindows, GlobalWindow
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import WindowedValue

from transforms.payment import reason_counts
from transforms.payment.dead_letter import DeadLetter
from transforms.payment.ends_job import EndsJob
from transforms.payment.minutes import MINUTE_US, minute_of
from transforms.payment.reason_counts import ReasonCount
from transforms.payment.transaction import Transaction
from transforms.sum_per_bundle import panes

# Fewer records say nothing of a minute: on a quiet topic, two bad ones of three are not a deploy.
RECORDS_MIN = 100
# All records meet under one key.
_KEY = "records"
# How many were valid, and how many were rejected for each reason.
_Sums = tuple[int, list[ReasonCount]]


class TooManyDeadLetters(EndsJob):
    """More records are invalid than `--dead_letter_ratio_max` allows."""


class LimitDeadLetters(beam.PTransform):
    """Compares dead letters with the records that are judged, minute by minute of arrival.

    Input:      ([Transaction, …] that are valid, [DeadLetter, …] of any step before deduplication).
                What a contract skips is not judged: most of a topic may be no payment.
    Output:     nothing; raises TooManyDeadLetters when a minute with at least RECORDS_MIN records
                has a larger share of dead letters than `ratio_max`. It names the reasons, each
                with its count and the place of its first record.
    Guarantee:  the job goes no further: a retry meets the same minute again. Flink ends it, as
                FAILED (docs/decisions/0024); the others end.
    State:      of the current minutes, an integer per bundle, and for a bundle with dead letters
                one count and place per reason.
    """

    def __init__(self, ratio_max: float, look_every_sec: int | None) -> None:
        super().__init__()
        self._ratio_max = ratio_max
        self._look_every_sec = look_every_sec

    def expand(self, inputs: tuple[beam.PCollection[Any], ...]) -> beam.PCollection[None]:
        """Returns an empty collection."""
        valid, *letters = inputs
        sums = [valid | "SumRead" >> beam.ParDo(_SumReadFn()).with_output_types(_TYPE)]
        sums += [
            each | f"SumRejected {number}" >> beam.ParDo(_SumRejectedFn()).with_output_types(_TYPE)
            for number, each in enumerate(letters)
        ]
        return (
            sums
            | "Merge" >> beam.Flatten()
            | "IntoMinutes"
            >> beam.WindowInto(
                FixedWindows(MINUTE_US // 1_000_000),
                trigger=panes(self._look_every_sec),
                accumulation_mode=AccumulationMode.ACCUMULATING,
            )
            | "Gather" >> beam.GroupByKey()
            | "Compare" >> beam.ParDo(_CompareFn(self._ratio_max))
        )


_TYPE = tuple[str, _Sums]


class _SumReadFn(beam.DoFn):
    """Counts the valid records of a bundle by the minute in which they arrived."""

    def start_bundle(self) -> None:
        self._read: Counter[int] = Counter()

    def process(self, batch: list[Transaction]) -> None:
        for minute_us, count in _by_minute(batch):
            self._read[minute_us] += count

    def finish_bundle(self) -> Iterator[WindowedValue]:
        for minute_us, count in self._read.items():
            yield _of_minute(minute_us, (count, []))


class _SumRejectedFn(beam.DoFn):
    """Counts the dead letters of a bundle by minute and reason."""

    def start_bundle(self) -> None:
        self._rejected: dict[int, dict[str, ReasonCount]] = {}

    def process(self, letters: list[DeadLetter]) -> None:
        for each in letters:
            counts = self._rejected.setdefault(minute_of(each.broker_time_us), {})
            known = counts.get(each.reason)
            one = (each.reason, 1, each.topic, each.partition, each.offset)
            counts[each.reason] = one if known is None else reason_counts.together(known, one)

    def finish_bundle(self) -> Iterator[WindowedValue]:
        for minute_us, counts in self._rejected.items():
            yield _of_minute(minute_us, (0, sorted(counts.values())))


def _of_minute(minute_us: int, sums: _Sums) -> WindowedValue:
    return WindowedValue((_KEY, sums), Timestamp(micros=minute_us), (GlobalWindow(),))


def _by_minute(batch: Sequence[Transaction]) -> Iterable[tuple[int, int]]:
    """Returns how many arrived in each minute."""
    times_us = [each.broker_time_us for each in batch]
    first = minute_of(min(times_us))
    if first == minute_of(max(times_us)):  # nearly always
        return [(first, len(times_us))]
    return Counter(map(minute_of, times_us)).items()


class _CompareFn(beam.DoFn):
    def __init__(self, ratio_max: float) -> None:
        self._ratio_max = ratio_max

    def process(
        self,
        element: tuple[str, Iterable[_Sums]],
        window: Any = beam.DoFn.WindowParam,
    ) -> None:
        read, reasons = 0, []
        for count, found in element[1]:
            read += count
            reasons += found
        rejected = sum(each[1] for each in reasons)
        read += rejected
        if read >= RECORDS_MIN and rejected > read * self._ratio_max:
            start = dt.datetime.fromtimestamp(window.start.micros / 1e6, dt.UTC)
            raise TooManyDeadLetters(
                f"{rejected} of {read} records that arrived in the minute of {start:%F %R} UTC "
                f"are invalid ({rejected / read:.0%}): "
                f"{reason_counts.told(reason_counts.added(reasons))}. --dead_letter_ratio_max="
                f"{self._ratio_max:g} allows fewer. Hint: correct the producer or the rules and "
                "start again, or raise the limit to let them pass."
            )
