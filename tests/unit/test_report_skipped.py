"""A report of topics with skipped records: ranges conserve them, and what is wrong is told."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterator

import pytest

from operations.reconcile.rows import SkippedRow
from operations.reconcile.truth import OffsetRange, Partition, Place
from operations.report import conservation
from operations.report.conservation import PartitionLine
from operations.report.offsets import Offsets, Span, union
from operations.report.skipped import Range, laid, told_alone
from tests.support import contracts
from tests.support.reconcile_world import World
from transforms.payment.outcome import Outcome

CONTRACT = contracts.contract(
    keep=[{"at": "state", "in": ["done"], "skip": ["open", "failed"]}], tombstones="skip"
)
STATES = ["done", "open", "done", "open", "open", None, "open", "failed", "strange", "done"]
Change = Callable[[list[Range]], list[Range]]


def world_of(states: list[str | None]) -> World:
    world = World(contract=CONTRACT)
    for number, state in enumerate(states):
        payload = None
        if state is not None:
            payload = contracts.payload(id=f"tx-{number}", state=state, time="2026-01-01T00:00:00Z")
        world.send_bytes(payload, 0, at_sec=number)
        if number % 3 == 0:
            world.marker()
    return world


def ranges_of(world: World) -> list[Range]:
    rows = [row for row in world.rows() if isinstance(row, SkippedRow)]
    return [
        Range(
            row.place.topic,
            row.place.partition,
            row.place.offset,
            row.span.last_offset,
            row.span.rule,
            row.span.record_count,
            0,
        )
        for row in rows
    ]


def line_of(world: World, ranges: list[Range], span: OffsetRange | None = None) -> PartitionLine:
    """Returns the line of partition 0, of the offsets of a span."""
    span = span or world.ranges()[0]
    pair = (span.topic, span.partition)
    records, held = Offsets(), Offsets()
    by_rule: dict[tuple[Partition, str], Offsets] = defaultdict(Offsets)
    rows = {row.place: row for row in world.rows() if not isinstance(row, SkippedRow)}
    counts: dict[Outcome, int] = defaultdict(int)
    for record in world.records:
        if not span.start <= record.offset < span.end:
            continue
        records.add(record.offset)
        for each, rule in world.decoder.decode([record]).skipped:
            by_rule[pair, rule].add(each.offset)
        row = rows.get(Place(*record[:3]))
        if row is not None:
            held.add(record.offset)
            counts[getattr(row, "outcome", Outcome.INVALID)] += 1
    reached = [each for each in ranges if each.first < span.end and each.last >= span.start]
    found = laid(reached, by_rule, [span])
    [line] = conservation.lines([span], {pair: records}, {pair: held}, {pair: counts}, found)
    return line


def numbers(line: PartitionLine) -> tuple[int, int, int, bool]:
    return line.missing, line.unknown, line.surplus, line.adds_up


def test_right_ranges_conserve_each_record() -> None:
    world = world_of(STATES)

    line = line_of(world, ranges_of(world))

    assert numbers(line) == (0, 0, 0, True)
    assert line.rows[Outcome.SKIPPED] == 6
    assert line.records == line.all_rows == len(STATES)


def counting(change: int) -> Change:
    return lambda ranges: [ranges[0]._replace(records=ranges[0].records + change), *ranges[1:]]


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (lambda ranges: ranges[1:], (1, 0, 0)),
        (lambda ranges: [ranges[0], *ranges], (0, 0, 1)),
        (counting(1), (0, 1, 0)),
        (lambda ranges: [ranges[0]._replace(rule="another"), *ranges[1:]], (1, 1, 0)),
        (lambda ranges: [*ranges, ranges[0]._replace(partition=0, rule="x")], (0, 1, 0)),
    ],
)
def test_control_wrong_ranges_are_told(change: Change, wanted: tuple[int, int, int]) -> None:
    world = world_of(STATES)
    ranges = sorted(ranges_of(world), key=lambda each: (each.records, each.first))

    assert numbers(line_of(world, change(ranges))) == (*wanted, False)


def test_control_range_that_counts_too_few_misses_the_rest() -> None:
    world = world_of(["open"] * 3)
    [one, *others] = ranges_of(world)

    assert one.records > 1
    assert numbers(line_of(world, [one._replace(records=1), *others]))[:3] == (
        one.records - 1,
        0,
        0,
    )


def test_control_skipped_record_that_has_a_row_as_well_is_double() -> None:
    world = world_of(["open", "done"])
    pair, span = ("payments", 0), world.ranges()[0]
    [skipped] = ranges_of(world)
    found = laid([skipped], {(pair, skipped.rule): Offsets([(0, 0)])}, [span])
    records = {pair: Offsets([(0, 0), (2, 2)])}

    [line] = conservation.lines([span], records, records, {pair: {Outcome.ACCEPTED: 2}}, found)

    assert line.surplus == 1
    assert not line.adds_up


@pytest.mark.parametrize("seed", range(20))
def test_any_part_of_a_topic_is_conserved(seed: int) -> None:
    rng = random.Random(seed)
    world = world_of(rng.choices(STATES, k=30))
    whole = world.ranges()[0]
    start, end = sorted(rng.sample(range(whole.end + 1), 2))

    line = line_of(world, ranges_of(world), whole._replace(start=start, end=end))

    assert numbers(line)[:3] == (0, 0, 0)
    assert line.adds_up


def test_tables_alone_count_what_the_ranges_say() -> None:
    world = world_of(STATES)
    found = told_alone(ranges_of(world))

    [line] = conservation.lines(None, None, {}, {}, found)

    assert (line.rows[Outcome.SKIPPED], line.records, line.adds_up) == (6, None, True)


@pytest.mark.parametrize("seed", range(20))
def test_union_and_part_of_offsets(seed: int) -> None:
    rng = random.Random(seed)
    one, other = (set(rng.sample(range(40), rng.randrange(30))) for _ in range(2))
    first, last = sorted(rng.sample(range(40), 2))

    both = union(_offsets(one), _offsets(other))

    assert _set(both) == one | other
    assert _set(_offsets(one).between(first, last)) == {o for o in one if first <= o <= last}


def _offsets(those: set[int]) -> Offsets:
    return Offsets((each, each) for each in sorted(those))


def _set(offsets: Offsets) -> set[int]:
    return {each for span in offsets for each in range(span.first, span.last + 1)}


def test_record_0_in_two_ranges_is_double() -> None:
    ranges = [Range("t", 0, 0, 0, "r", 1, 0), Range("t", 0, 0, 5, "r", 2, 0)]
    records = {(("t", 0), "r"): Offsets([(0, 0), (5, 5)])}

    found = laid(ranges, records, [])[("t", 0)]
    assert (found.held.count(), found.missing, found.double) == (2, 0, 1)


def test_each_range_is_looked_at_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """4,000 ranges took a minute and a half, each beside all records of those before it."""
    records = Offsets((2 * each, 2 * each) for each in range(3_000))
    ranges = [Range("t", 0, 20 * each, 20 * each + 19, "r", 10, 0) for each in range(300)]
    touched, spans = [0], Offsets.__iter__

    def counted(self: Offsets) -> Iterator[Span]:
        for each in spans(self):
            touched[0] += 1
            yield each

    monkeypatch.setattr(Offsets, "__iter__", counted)
    found = laid(ranges, {(("t", 0), "r"): records}, [])[("t", 0)]

    assert (found.held.count(), found.missing, found.double) == (3_000, 0, 0)
    assert touched[0] < 10 * 3_000
