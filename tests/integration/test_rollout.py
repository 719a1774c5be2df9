"""Two datasets beside each other, as jobs would fill them: what is read, and what differs."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import pytest

from operations.errors import RolloutError
from operations.rollout import comparison, ranges
from operations.rollout.comparison import Difference
from operations.rollout.ranges import Partition
from operations.rollout.serving import LiveDataset
from tests.support.sql_dataset import Dataset
from tests.support.sql_history import (
    Payment,
    Record,
    Row,
    accepted,
    duplicate,
    invalid,
    late,
    skipped,
)

pytestmark = pytest.mark.integration

BLUE, GREEN, LIVE = "rollout_blue", "rollout_green", "rollout_live"
PLACE = ("payments", 0)
CUT = 3

FIRST = Record(0, 0, "10:00:05")


def payment(number: int) -> Payment:
    return Payment(f"tx-{number}", "10.00", 1_000, "EUR", "10:00:00")


# Offsets 0 to 6. Green began at 3, and knows by blue's memory that tx-0 was accepted at 0.
HISTORY = [
    accepted(payment(0), FIRST),
    accepted(payment(1), Record(0, 1, "10:00:06")),
    invalid("unknown_currency", Record(0, 2, "10:00:07")),
    duplicate(payment(0), Record(0, 3, "10:00:08"), FIRST),
    accepted(payment(4), Record(0, 4, "10:00:09")),
    late(payment(5), Record(0, 5, "12:00:00")),
    accepted(payment(6), Record(0, 6, "10:00:11")),
]


@pytest.fixture(scope="module")
def blue(sandbox) -> Dataset:
    dataset = Dataset(sandbox.endpoints()["bigquery"], BLUE)
    dataset.make()
    dataset.insert([_by("1", row) for row in HISTORY])
    return dataset


@pytest.fixture(scope="module")
def green(blue: Dataset) -> Dataset:
    dataset = Dataset(blue.address, GREEN)
    dataset.make()
    dataset.insert([_by("2", row) for row in HISTORY[CUT:]])
    return dataset


@pytest.fixture
def live(blue: Dataset, green: Dataset) -> Iterator[LiveDataset]:
    dataset = LiveDataset(blue.client, f"sandbox.{LIVE}")
    dataset.create()
    dataset.show([f"sandbox.{BLUE}", f"sandbox.{GREEN}"])
    dataset.decide(ranges.served_by(f"sandbox.{BLUE}", [PLACE]))
    return dataset


def read(blue: Dataset) -> list[tuple]:
    """Returns what readers see: offset, outcome and who wrote it."""
    return Dataset(blue.address, LIVE).ask("records", "kafka_offset, outcome, pipeline_version")


def counted(blue: Dataset) -> list[tuple]:
    totals = Dataset(blue.address, LIVE)
    return totals.ask("totals_by_minute", "currency, payment_count, amount")


OUTCOMES = ("accepted", "accepted", "invalid", "duplicate", "accepted", "late", "accepted")


def test_every_record_is_read_once_before_and_after_the_switch_and_when_taken_back(
    blue: Dataset, live: LiveDataset
) -> None:
    before = list(live.decision().served)
    assert read(blue) == [(n, outcome, "1") for n, outcome in enumerate(OUTCOMES)]

    live.decide(ranges.handed_over(before, f"sandbox.{GREEN}", {PLACE: CUT}, 100))
    switched = [(n, outcome, "1" if n < CUT else "2") for n, outcome in enumerate(OUTCOMES)]
    assert read(blue) == switched
    assert counted(blue) == [("EUR", 4, Decimal(40))]

    live.decide(ranges.taken_back(live.decision().served, f"sandbox.{GREEN}"))
    assert list(live.decision().served) == before
    assert read(blue) == [(n, outcome, "1") for n, outcome in enumerate(OUTCOMES)]
    assert counted(blue) == [("EUR", 4, Decimal(40))]


def test_ranges_that_would_lose_records_are_not_put_in_force(
    blue: Dataset, live: LiveDataset
) -> None:
    before = live.decision()
    gap = ranges.handed_over(before.served, f"sandbox.{GREEN}", {PLACE: CUT}, 100)[1:]

    with pytest.raises(RolloutError, match="from offset 0 on must be read from exactly one"):
        live.decide(gap)

    assert live.decision() == before


def test_green_that_counts_as_blue_does_is_alike(blue: Dataset, green: Dataset) -> None:
    assert comparison.cuts(blue.client, f"sandbox.{GREEN}") == {PLACE: CUT}

    found = compared(blue)

    assert found.complete
    assert found == (4, 0, 0, 0, 0, (), 0, 0, 0)


# The controls: each way in which green can be wrong.


def test_row_missing_from_green_is_lost(blue: Dataset, green: Dataset) -> None:
    missing = HISTORY[4]
    green.query(f"DELETE FROM `sandbox.{GREEN}.{missing.table}` WHERE kafka_offset = 4")
    try:
        found = compared(blue)
    finally:
        green.insert([_by("2", missing)])

    assert not found.complete
    assert found == (3, 0, 1, 0, 0, (), 0, 0, 0)


def test_row_that_green_has_twice_is_doubled(blue: Dataset, green: Dataset) -> None:
    with green.tampered([HISTORY[4]]):
        found = compared(blue)

    assert not found.complete
    assert found.doubled == 1


def test_row_missing_from_blue_is_invented(blue: Dataset, green: Dataset) -> None:
    with green.tampered([accepted(payment(9), Record(1, 4, "10:00:09"))]):
        found = compared(blue, others={("payments", 1): (0, 9)})

    assert not found.complete
    assert found == (4, 0, 0, 1, 0, (), 0, 0, 0)


def test_record_that_green_judges_otherwise_is_shown(blue: Dataset, green: Dataset) -> None:
    """Such as a copy that counts again: the memory was lost."""
    forgotten = HISTORY[3]
    green.query(f"DELETE FROM `sandbox.{GREEN}.{forgotten.table}` WHERE kafka_offset = 3")
    try:
        with green.tampered([accepted(payment(0), Record(0, 3, "10:00:08"))]):
            found = compared(blue)
    finally:
        green.insert([_by("2", forgotten)])

    assert found.complete
    assert found.differing == (Difference("duplicate", "accepted", 1, "payments[0] 3"),)


def test_copy_that_green_saw_first_is_no_difference(blue: Dataset, green: Dataset) -> None:
    """Two copies that came at once, through two partitions; a copy of theirs is one in both."""
    here, there = Record(0, 7, "10:00:12"), Record(1, 7, "10:00:12")
    blues = [accepted(payment(7), here), duplicate(payment(7), there, here)]
    greens = [accepted(payment(7), there), duplicate(payment(7), here, there)]
    with blue.tampered(blues), green.tampered(greens):
        found = compared(blue, until=8, others={("payments", 1): (7, 8)})

    assert found.complete
    assert found == (4, 2, 0, 0, 0, (), 0, 0, 0)


def test_copy_after_the_records_compared_tells_who_was_first(blue: Dataset, green: Dataset) -> None:
    """It had not come when the comparison began, and green accepted it: seen once in CI."""
    here, later = Record(0, 7, "10:00:12"), Record(1, 9, "10:00:12")
    blue_first, green_other = accepted(payment(7), here), duplicate(payment(7), here, later)
    blue_other, green_first = duplicate(payment(7), later, here), accepted(payment(7), later)
    green_lost = duplicate(payment(7), later, here)
    others = {("payments", 1): (0, 9)}

    def told(blues: list[Row], greens: list[Row]) -> comparison.Comparison:
        with blue.tampered(blues), green.tampered(greens):
            return compared(blue, until=8, others=others)

    neither_flushed = told([blue_first], [green_other])
    missing_from_blue = told([blue_first], [green_other, green_first])
    both_flushed = told([blue_first, blue_other], [green_other, green_first])
    nowhere_accepted = told([blue_first, blue_other], [green_other, green_lost])

    difference = Difference("accepted", "duplicate", 1, "payments[0] 7")
    assert both_flushed == (4, 1, 0, 0, 0, (), 0, 0, 0)
    for each in (neither_flushed, missing_from_blue, nowhere_accepted):
        assert each == (4, 0, 0, 0, 0, (difference,), 0, 1, 0)


def test_other_amount_is_a_difference(blue: Dataset, green: Dataset) -> None:
    table = f"`sandbox.{GREEN}.transactions`"
    green.query(f"UPDATE {table} SET amount_minor = 1 WHERE kafka_offset = 6")
    try:
        found = compared(blue)
    finally:
        green.query(f"UPDATE {table} SET amount_minor = 1000 WHERE kafka_offset = 6")

    assert found.differing == (Difference("accepted", "accepted", 1, "payments[0] 6"),)


def test_record_that_one_version_accepts_is_in_its_bucket_in_both(
    blue: Dataset, green: Dataset
) -> None:
    """Unless the other found no id in it: then no share of the ids can be read from each."""
    sent = base64.b64encode(b'{"amount": 1, "transaction_id" : "tx-8"}').decode()
    place = Record(0, 8, "10:00:12")
    with green.tampered([accepted(payment(8), place)]):
        with blue.tampered([invalid("bad_country", place, sent)]):
            found = compared(blue, until=9)
        with blue.tampered([invalid("bad_country", place, "e30=")]):
            nameless = compared(blue, until=9)

    assert found.differing == (Difference("invalid", "accepted", 1, "payments[0] 8"),)
    assert (found.parted, nameless.parted) == (0, 1)


def clock(offset: int) -> Record:
    return Record(0, offset, f"10:00:{offset + 10:02}")


# Offsets 7 to 16: what is skipped, and two payments between.
BETWEEN = [accepted(payment(9), clock(9)), accepted(payment(13), clock(13))]
SKIPS = [skipped("open", clock(7), clock(14), 5), skipped("open", clock(15), clock(16), 2)]
RECUT = [
    skipped("open", clock(7), clock(8), 2),
    skipped("open", clock(10), clock(12), 2),
    skipped("open", clock(14), clock(16), 3),
]


@contextmanager
def both(blue: Dataset, blues: list[Row], green: Dataset, greens: list[Row]) -> Iterator[None]:
    with blue.tampered(blues), green.tampered(greens):
        yield


@pytest.mark.parametrize("until", [17, 12, 16])
def test_ranges_of_skipped_records_may_be_cut_in_any_way(
    blue: Dataset, green: Dataset, until: int
) -> None:
    with both(blue, BETWEEN + SKIPS, green, BETWEEN + RECUT):
        found = compared(blue, until)

    assert found.complete
    assert found.differing == ()
    assert found.skipped == 7 or until < 17


def test_record_that_one_skips_and_the_other_judges_is_shown(blue: Dataset, green: Dataset) -> None:
    """As by a contract that names another state."""
    fewer = [skipped("open", clock(7), clock(14), 4), SKIPS[1]]
    counts_it = [*BETWEEN, accepted(payment(10), clock(10)), *RECUT]
    counts_it[4] = skipped("open", clock(11), clock(12), 1)
    with both(blue, BETWEEN + SKIPS, green, counts_it):
        found = compared(blue, 17)
    with both(blue, counts_it, green, BETWEEN + SKIPS):
        other_way = compared(blue, 17)
    with both(blue, [*BETWEEN, *SKIPS], green, [*BETWEEN, *fewer]):
        nowhere = compared(blue, 17)

    place = "payments[0] 10"
    assert found.complete and other_way.complete
    assert found.differing == (Difference("skipped", "accepted", 1, place),)
    assert other_way.differing == (Difference("accepted", "skipped", 1, place),)
    assert found.skipped == other_way.skipped == 6
    # Its bucket is that of its id in one, and of no id in the other.
    assert found.parted == 1
    # A record that blue skips and of which green knows nothing.
    assert (nowhere.lost, nowhere.complete) == (1, False)


def test_control_row_that_is_missing_inside_a_range_is_lost(blue: Dataset, green: Dataset) -> None:
    with both(blue, BETWEEN + SKIPS, green, [BETWEEN[0], *SKIPS]):
        found = compared(blue, 17)
    with both(blue, BETWEEN + SKIPS, green, [*BETWEEN, *SKIPS, SKIPS[1]]):
        twice = compared(blue, 17)

    assert (found.lost, found.complete) == (1, False)
    assert (twice.invented, twice.complete) == (2, False)


def test_with_a_share_every_record_is_read_once_and_with_its_copies(
    blue: Dataset, live: LiveDataset
) -> None:
    before = list(live.decision().served)
    written_by_green = 0
    for percent in (20, 50, 80):
        live.decide(ranges.handed_over(before, f"sandbox.{GREEN}", {PLACE: 0}, percent))
        records = read(blue)
        assert [record[:2] for record in records if record[0] >= CUT] == [
            (n, outcome) for n, outcome in enumerate(OUTCOMES) if n >= CUT
        ]
        now = sum(version == "2" for _, _, version in records)
        assert now >= written_by_green
        written_by_green = now


def compared(
    blue: Dataset, until: int = 7, others: dict[Partition, tuple[int, int]] | None = None
) -> comparison.Comparison:
    spans = {PLACE: (CUT, until), **(others or {})}
    return comparison.compare(blue.client, f"sandbox.{BLUE}", f"sandbox.{GREEN}", spans)


def _by(version: str, row: Row) -> Row:
    return row._replace(cells={**row.cells, "pipeline_version": version})
