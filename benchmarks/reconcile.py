"""Measures the cost of a proof: memory, disk and time of a reconciliation of so many records.

    python -m benchmarks.reconcile --records=1000000

Records and right rows are made up as they are asked for, rows in another order than records, so
that what is measured is the reconciliation, without broker and BigQuery and their clients. One
record in ten is a copy. docs/performance_story.md, "The proof", says what it was.

Exit code: 0 when it balanced within --most_mib of memory, 1 when not, 2 for a mistake in the flags.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import orjson

from operations.reconcile.audit import audit
from operations.reconcile.report import Report
from operations.reconcile.rows import CurrencySum, First, PaymentRow, Row, Tables
from operations.reconcile.truth import Limits, OffsetRange, Place, Truth
from transforms.codecs import wire_format
from transforms.payment.outcome import Outcome
from transforms.payment.rules import amount_of
from transforms.payment.transaction import KafkaRecord

TOPIC = "payments"
_FIRST_US = 1_767_225_600_000_000
_STEP_US = 100
_COPY_EVERY = 10
_CURRENCIES = ("EUR", "USD", "JPY")
_STRIDE = 7_919  # rows come so far apart
_SAMPLE_SEC = 0.2


class Book:
    """So many records in partitions, and the rows that are right for them."""

    def __init__(self, records: int, partitions: int = 8) -> None:
        self.records = records
        self._partitions = partitions

    def ranges(self) -> list[OffsetRange]:
        """Returns the offsets of each partition."""
        whole, rest = divmod(self.records, self._partitions)
        return [
            OffsetRange(TOPIC, number, 0, whole + (number < rest))
            for number in range(self._partitions)
        ]

    def read(self) -> Iterator[KafkaRecord]:
        """Yields the records, in the order in which they arrived."""
        for number in range(self.records):
            yield self._record(number)

    def tables(self) -> Tables:
        """Returns what SQL would answer; the sums are known once all rows were taken."""
        sums: list[CurrencySum] = []
        copies = self.records // _COPY_EVERY
        accepted = self.records - copies
        return Tables(self._rows(sums), sums, accepted, accepted)

    def _rows(self, sums: list[CurrencySum]) -> Iterator[Row]:
        minor: Counter[str] = Counter()
        count: Counter[str] = Counter()
        for start in range(min(_STRIDE, self.records)):
            for number in range(start, self.records, _STRIDE):
                row = self._row(number)
                if row.outcome is Outcome.ACCEPTED:
                    minor[row.transaction.currency] += row.transaction.amount_minor
                    count[row.transaction.currency] += 1
                yield row
        sums += [
            CurrencySum(currency, count[currency], amount_of(total, currency))
            for currency, total in minor.items()
        ]

    def _record(self, number: int) -> KafkaRecord:
        # The last of every ten repeats the one nine before, in the same partition or another.
        is_copy = number % _COPY_EVERY == _COPY_EVERY - 1
        said = number - _COPY_EVERY + 1 if is_copy else number
        payment = {
            "transaction_id": f"{said * 2654435761 % 2**64:016x}-{said:012x}",
            "account_id": f"acc-{said % 50_000}",
            "merchant_id": f"shop-{said % 900}",
            "payment_type": "purchase",
            "amount_minor": said * 37 % 100_000 + 1,
            "currency": _CURRENCIES[said % len(_CURRENCIES)],
            "event_time": wire_format.event_time_text(_FIRST_US + said * _STEP_US),
            "country": "DE",
            "device_id": f"dev-{said % 90_000}",
        }
        arrival_us = _FIRST_US + number * _STEP_US
        return KafkaRecord(*self._place(number), arrival_us, b"key", orjson.dumps(payment))

    def _place(self, number: int) -> Place:
        return Place(TOPIC, number % self._partitions, number // self._partitions)

    def _row(self, number: int) -> PaymentRow:
        paid = wire_format.decode(self._record(number))
        amount = amount_of(paid.amount_minor, paid.currency)
        if number % _COPY_EVERY != _COPY_EVERY - 1:
            return PaymentRow(self._place(number), Outcome.ACCEPTED, paid, amount, None)
        named = number - _COPY_EVERY + 1
        first = First(self._place(named), _FIRST_US + named * _STEP_US)
        return PaymentRow(self._place(number), Outcome.DUPLICATE, paid, amount, first)


def reconciled(book: Book, tell: bool = False) -> Report:
    """Returns the report of a whole reconciliation of `book`."""
    truth = Truth(book.ranges(), Limits())
    for record in book.read():
        truth.add(record)
    return audit(truth, book.tables(), tell=_tell if tell else lambda text: None)


class Disk:
    """The most that this process kept in unnamed files, seen by a thread."""

    def __init__(self) -> None:
        self.peak_bytes = 0

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Looks several times a second for the length of a with-block."""
        done = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(done,), daemon=True)
        watcher.start()
        yield
        done.set()
        watcher.join()

    def _watch(self, done: threading.Event) -> None:
        while not done.wait(_SAMPLE_SEC):
            self.peak_bytes = max(self.peak_bytes, sum(_unnamed_files()))


def _unnamed_files() -> Iterable[int]:
    folder = "/proc/self/fd"
    for name in os.listdir(folder):
        with contextlib.suppress(OSError):
            if os.readlink(f"{folder}/{name}").endswith("(deleted)"):
                yield os.stat(f"{folder}/{name}").st_size


def _peak_mib() -> float:
    # Not ru_maxrss: a process begins with that of whoever started it.
    [peak] = re.findall(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.M)
    return int(peak) / 1024


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the measurement."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.reconcile",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--records", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--partitions", type=int, default=8, metavar="N")
    parser.add_argument("--most_mib", type=int, default=1_024, metavar="MIB")
    arguments = parser.parse_args(argv)
    before_mib = _peak_mib()
    began_at, began_cpu = time.monotonic(), time.process_time()
    disk = Disk()
    with disk.watched():
        report = reconciled(Book(arguments.records, arguments.partitions), tell=True)
    took_sec, cpu_sec = time.monotonic() - began_at, time.process_time() - began_cpu
    peak_mib = _peak_mib()
    print(report.last_line())
    print(
        f"{arguments.records} records: {took_sec:.0f} s ({cpu_sec:.0f} s of CPU, "
        f"{cpu_sec / arguments.records * 1e6:.0f} µs each), {peak_mib:.0f} MiB of memory at most "
        f"({before_mib:.0f} before it began), {disk.peak_bytes / arguments.records:.0f} bytes of "
        "disk each"
    )
    return 0 if report.balanced and peak_mib <= arguments.most_mib else 1


if __name__ == "__main__":
    sys.exit(main())
