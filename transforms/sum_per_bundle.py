"""Sums per window, cheaply: each bundle adds up its own before anything is shuffled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.transforms.trigger import (
    AfterCount,
    AfterProcessingTime,
    AfterWatermark,
    TriggerFn,
)
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import WindowedValue

# Beam's integers end at 2^63 - 1, and 9,224 payments of the greatest amount add up to more.
SUM_MAX = 2**62


class Addend(NamedTuple):
    """What one element adds.

    Attributes:
        key: what is summed apart.
        moment_us: where in time it counts, microseconds since the epoch; elements of one moment
            become one sum, so cut it to the window (`minute_of`).
        first, second: the two numbers that are added up.
    """

    key: str
    moment_us: int
    first: int
    second: int


class SumPerBundle(beam.PTransform):
    """Adds up pairs of integers per key and moment, once per bundle.

    Input:      any elements; `addends` says what each adds.
    Output:     (key, (sum of first, sum of second)), timestamp = the moment; in several parts where
                a sum is above SUM_MAX.
    Guarantee:  the sums over all outputs equal the sums over all inputs, under any retry: a bundle
                that fails emits nothing.
    """

    def __init__(self, addends: Callable[[Any], Iterable[Addend]]) -> None:
        super().__init__()
        self._addends = addends

    def expand(self, elements: beam.PCollection) -> beam.PCollection[tuple[str, tuple[int, int]]]:
        """Returns the sums of each bundle."""
        return elements | "Sum" >> beam.ParDo(_SumFn(self._addends)).with_output_types(
            tuple[str, tuple[int, int]]
        )


def add_pairs(pairs: Any) -> tuple[int, int]:
    """Returns the sum of pairs of integers, number by number."""
    first = second = 0
    for one, other in pairs:
        first += one
        second += other
    return first, second


def panes(every_sec: int | None) -> TriggerFn:
    """Returns a trigger that fires at the end of a window and, if told, again and again.

    Bounded input comes all at once and has nothing to show earlier; its runner does not know
    processing time either (Beam 2.70.0, FnApiRunner: the trigger finds no clock).
    """
    if every_sec is None:
        return AfterWatermark(late=AfterCount(1))
    again = AfterProcessingTime(every_sec)
    return AfterWatermark(early=again, late=again)


class _SumFn(beam.DoFn):
    def __init__(self, addends: Callable[[Any], Iterable[Addend]]) -> None:
        self._addends = addends
        self._sums: dict[tuple[str, int], tuple[int, int]] = {}

    def start_bundle(self) -> None:
        self._sums = {}

    def process(self, element: Any) -> None:
        for key, moment_us, first, second in self._addends(element):
            sums = self._sums.get((key, moment_us), (0, 0))
            self._sums[key, moment_us] = sums[0] + first, sums[1] + second

    def finish_bundle(self) -> Iterator[WindowedValue]:
        for (key, moment_us), sums in self._sums.items():
            for part in _parts(*sums):
                yield WindowedValue((key, part), Timestamp(micros=moment_us), (GlobalWindow(),))


def _parts(first: int, second: int) -> Iterator[tuple[int, int]]:
    """Yields pairs from 0 to SUM_MAX that add up to the pair."""
    while max(first, second) > SUM_MAX:
        part = min(first, SUM_MAX), min(second, SUM_MAX)
        yield part
        first, second = first - part[0], second - part[1]
    yield first, second
