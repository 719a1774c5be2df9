"""A step that writes down when how many records were through, bundle by bundle."""

from __future__ import annotations

import dataclasses
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import apache_beam as beam


class Meter(beam.PTransform):
    """Counts what is in batches into files of `folder`, one per worker and instance.

    Input:      lists of anything.
    Output:     nothing.
    Limit:      a bundle that is tried again counts twice: for runs in which nothing fails.
    """

    def __init__(self, folder: str, name: str) -> None:
        super().__init__()
        self._folder = folder
        self._name = name

    def expand(self, elements: beam.PCollection[Any]) -> beam.PCollection[None]:
        """Returns nothing."""
        return elements | "Count" >> beam.ParDo(_CountFn(self._folder, self._name))


class _CountFn(beam.DoFn):
    def __init__(self, folder: str, name: str) -> None:
        self._folder = folder
        self._name = name
        self._file: IO[str] | None = None
        self._count = 0

    def setup(self) -> None:
        file = Path(self._folder) / f"{self._name}.{os.getpid()}.{uuid.uuid4().hex}.csv"
        self._file = file.open("w", buffering=1)  # by the line: read while it is written

    def start_bundle(self) -> None:
        self._count = 0

    def process(self, batch: list[Any]) -> Iterator[None]:
        self._count += len(batch)
        return iter(())

    def finish_bundle(self) -> None:
        if self._count and self._file is not None:
            self._file.write(f"{time.time():.3f},{self._count}\n")

    def teardown(self) -> None:
        if self._file is not None:
            self._file.close()


@dataclasses.dataclass(frozen=True)
class Reading:
    """What has passed a meter.

    Attributes:
        bundles: seconds since the epoch and number of elements of each, in order.
    """

    bundles: tuple[tuple[float, int], ...]

    @property
    def total(self) -> int:
        """Returns how many elements have passed."""
        return sum(count for _, count in self.bundles)

    def steady_rate(self, skipped_share: float) -> float:
        """Returns elements per second without the first share of them, during which all warms up.

        0 when what is left is less than two bundles.
        """
        return self.rate_between(skipped_share, 1.0)

    def rate_between(self, first_share: float, last_share: float) -> float:
        """Returns elements per second from the one share of them to the other.

        0 when there are less than two bundles between.
        """
        first, last = self.total * first_share, self.total * last_share
        passed = counted = 0
        began_at = ended_at = None
        for at, count in self.bundles:
            if began_at is not None and passed < last:
                counted, ended_at = counted + count, at
            passed += count
            if began_at is None and passed >= first:
                began_at = at
        if began_at is None or ended_at is None or ended_at <= began_at:
            return 0.0
        return counted / (ended_at - began_at)


def read(folder: Path, name: str = "*") -> Reading:
    """Returns what the meters of that name have written so far."""
    bundles = []
    for file in folder.glob(f"{name}.*.csv"):
        for line in file.read_text().splitlines(keepends=True):
            if line.endswith("\n"):  # or it is being written
                at, count = line.split(",")
                bundles.append((float(at), int(count)))
    return Reading(tuple(sorted(bundles)))
