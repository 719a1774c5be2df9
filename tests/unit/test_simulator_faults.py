"""Every fault of the simulator keeps its law."""

import random

import pytest

from simulator import duplicate_shapes, faults, generate
from simulator.duplicate_shapes import DELAY_SEC_MAX, DuplicateShape, Placement
from simulator.routing import Router
from simulator.send import MINUTE_US, Send, send_of
from transforms.codecs import wire_format
from transforms.payment.outcome import Outcome
from transforms.payment.rules import MINOR_DIGITS

NOW_US = 1_767_225_600_000_000
POOLS = generate.make_pools(3, accounts=20)
ROUTER = Router(4)
RNG = random.Random(3)


def payment(event_time_us: int = NOW_US) -> generate.Payment:
    return generate.PaymentSource(RNG.randrange(1_000), POOLS).next(event_time_us)[1]


def sent(one: generate.Payment) -> Send:
    route = ROUTER.home(one.account_id.encode())
    return send_of(one, route, NOW_US, Outcome.ACCEPTED, "none")


ALL_SHAPES = [shape for kind in duplicate_shapes.KINDS.values() for shape, _ in kind]


def test_copies_are_equal_byte_for_byte_and_within_twenty_minutes() -> None:
    original = sent(payment())

    for shape in ALL_SHAPES:
        copies = list(faults.duplicate(original, shape, ROUTER))
        delays_sec = [later.delay_sec for later in copies]
        assert len(copies) == shape.copies
        assert delays_sec == sorted(delays_sec) and 0 <= delays_sec[-1] <= DELAY_SEC_MAX
        for _, copy in copies:
            assert (copy.payload, copy.facts) == (original.payload, original.facts)
            assert copy.expected is Outcome.DUPLICATE and copy.fault == shape.name
            assert (copy.partition == original.partition) == (copy.key == original.key)


@pytest.mark.parametrize(
    ("placement", "elsewhere"),
    [("same", [False] * 3), ("other", [True] * 3), ("alternating", [True, False, True])],
)
def test_copies_go_where_the_shape_says(placement: Placement, elsewhere: list[bool]) -> None:
    original = sent(payment())
    shape = DuplicateShape("x", 3, 0, "together", placement)

    copies = faults.duplicate(original, shape, ROUTER)

    assert [copy.partition != original.partition for _, copy in copies] == elsewhere


def test_the_usual_shapes_hold_all_that_gateways_do() -> None:
    bursts = dict(duplicate_shapes.KINDS["burst"])
    assert [shape.copies for shape in bursts] == [10]
    assert set(duplicate_shapes.USUAL_KINDS) == set(duplicate_shapes.KINDS) - {"storm"}
    assert len({shape.name for shape in ALL_SHAPES} - set(duplicate_shapes.USUAL_KINDS)) > 1_000


def test_backing_off_doubles_the_gap() -> None:
    shape = DuplicateShape("x", 4, 2, "backoff", "same")

    assert list(shape.delays_sec()) == [2, 2.5, 3.5, 5.5]


def test_late_payments_are_one_to_three_hours_old() -> None:
    route = ROUTER.home(b"acc-1")
    for _ in range(200):
        records = list(faults.late(payment(), route, NOW_US, RNG))
        event_time_us = records[0].send.event_time_us
        assert event_time_us is not None
        assert 61 * MINUTE_US <= NOW_US - event_time_us < 180 * MINUTE_US
        assert {later.send.expected for later in records} == {Outcome.LATE}
        assert {later.send.payload for later in records} == {records[0].send.payload}
        written = records[0].send.facts.event_time
        assert written == wire_format.event_time_text(event_time_us)


def test_nearly_late_payments_keep_five_minutes_from_the_limit() -> None:
    for _ in range(200):
        record = faults.nearly_late(payment(), ROUTER.home(b"acc-1"), NOW_US, RNG)
        assert record.event_time_us is not None
        assert 30 * MINUTE_US <= NOW_US - record.event_time_us < 55 * MINUTE_US
        assert record.expected is Outcome.ACCEPTED


def test_a_conflict_differs_in_one_fact_and_stays_behind_its_original() -> None:
    kinds = set()
    for _ in range(200):
        original = payment()
        record = faults.conflict(sent(original), original, POOLS, RNG).send
        facts = sent(original).facts
        differing = {
            name
            for name in facts._fields
            if getattr(facts, name) != getattr(record.facts, name) and name != "event_time"
        }
        assert len(differing) == 1 and "transaction_id" not in differing
        assert (record.key, record.partition) == sent(original)[:2]
        assert record.expected is Outcome.CONFLICT
        kinds.add(record.fault)
    assert kinds == {f"conflict_{kind}" for kind in faults.CONFLICTS}


def test_keys_elsewhere_are_on_another_partition_if_there_is_one() -> None:
    for partitions in (2, 3, 12):
        router = Router(partitions)
        for account in POOLS.accounts:
            home, away = router.home(account.key), router.away(account.key)
            assert home.key == account.key and away.key != home.key
            assert away.partition != home.partition < partitions > away.partition
    alone = Router(1).away(b"acc-1")
    assert alone.key != b"acc-1" and alone.partition == 0


def test_keys_lie_where_java_puts_them() -> None:
    # Utils.toPositive(Utils.murmur2(key)) % 4, from Kafka's own tests of murmur2.
    assert Router(1_000).home(b"21").partition == (-973932308 & 0x7FFFFFFF) % 1_000
    assert Router(1_000).home(b"foobar").partition == (-790332482 & 0x7FFFFFFF) % 1_000


def test_payments_are_plausible() -> None:
    source = generate.PaymentSource(1, POOLS)
    seen = [source.next(NOW_US + n * 700_001) for n in range(3_000)]

    assert len({one.transaction_id for _, one in seen}) == 3_000
    assert {one.currency for _, one in seen} == set(generate.CURRENCIES)
    assert {"JPY", "KWD", "EUR", "USD", "GBP"} == set(generate.CURRENCIES)
    assert (MINOR_DIGITS["JPY"], MINOR_DIGITS["KWD"]) == (0, 3)
    for n, (account, one) in enumerate(seen):
        assert one.event_time == wire_format.event_time_text(NOW_US + n * 700_001)
        assert one.amount_minor > 0 and one.account_id == account.account_id
    at_home = sum(one.country == account.country for account, one in seen) / len(seen)
    assert 0.95 < at_home < 1
    # Zipf: the busiest of 20 accounts pays more than its twentieth.
    busiest = max(sum(account is each for account, _ in seen) for each in POOLS.accounts)
    assert busiest / len(seen) > 0.2
