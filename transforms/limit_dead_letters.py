"""Step 4a: stops the job when too many records of a minute are dead letters."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.transforms.trigger import AccumulationMode
from apache_beam.transforms.window import FixedWindows

from transforms.payment.dead_letter import DeadLetter
from transforms.payment.ends_job import EndsJob
from transforms.payment.minutes import MINUTE_US, minute_of
from transforms.payment.transaction import KafkaRecord
from transforms.sum_per_bundle import Addend, SumPerBundle, add_pairs, panes

# Fewer records say nothing of a minute: on a quiet topic, two bad ones of three are not a deploy.
RECORDS_MIN = 100


class TooManyDeadLetters(EndsJob):
    """More records are invalid than `--dead_letter_ratio_max` allows."""


class LimitDeadLetters(beam.PTransform):
    """Compares dead letters with records read, minute by minute of arrival.

    Input:      ([KafkaRecord, …] read, [DeadLetter, …] of any step before deduplication).
    Output:     nothing; raises TooManyDeadLetters when a minute with at least RECORDS_MIN records
                has a larger share of dead letters than `ratio_max`.
    Guarantee:  the job goes no further: a retry meets the same minute again. Flink restarts it
                with growing delays until someone acts; the others end.
    State:      two integers per bundle of the current minutes.
    """

    def __init__(self, ratio_max: float, look_every_sec: int | None) -> None:
        super().__init__()
        self._ratio_max = ratio_max
        self._look_every_sec = look_every_sec

    def expand(self, inputs: tuple[beam.PCollection[Any], ...]) -> beam.PCollection[None]:
        """Returns an empty collection."""
        records, *letters = inputs
        read = records | "SumRead" >> SumPerBundle(_read)
        rejected = [
            each | f"SumRejected {number}" >> SumPerBundle(_rejected)
            for number, each in enumerate(letters)
        ]
        return (
            (read, *rejected)
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


def _read(batch: list[KafkaRecord]) -> Iterator[Addend]:
    for minute_us, count in _by_minute(batch):
        yield Addend("records", minute_us, count, 0)


def _rejected(letters: list[DeadLetter]) -> Iterator[Addend]:
    for minute_us, count in _by_minute(letters):
        yield Addend("records", minute_us, 0, count)


def _by_minute(batch: Sequence[KafkaRecord | DeadLetter]) -> Iterable[tuple[int, int]]:
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
        element: tuple[str, Iterable[tuple[int, int]]],
        window: Any = beam.DoFn.WindowParam,
    ) -> None:
        read, rejected = add_pairs(element[1])
        if read >= RECORDS_MIN and rejected > read * self._ratio_max:
            start = dt.datetime.fromtimestamp(window.start.micros / 1e6, dt.UTC)
            raise TooManyDeadLetters(
                f"{rejected} of {read} records that arrived in the minute of {start:%F %R} UTC "
                f"are invalid ({rejected / read:.0%}); --dead_letter_ratio_max={self._ratio_max:g} "
                "allows fewer. Hint: dead_letters says why, by reason; correct the producer or the "
                "rules and start again, or raise the limit to let them pass."
            )
