"""The plan knows the truth: its outcomes are the contract's own."""

import collections
import dataclasses
import functools

import pytest

from simulator import duplicate_shapes, generate, scenario
from simulator.plan import Plan
from simulator.schedule import Schedule
from simulator.send import Send
from simulator.traffic import Traffic
from transforms.codecs import wire_format
from transforms.payment import rules
from transforms.payment.dead_letter import Reason, Rejected
from transforms.payment.dedup_policy import DedupPolicy, FirstSeen
from transforms.payment.outcome import Outcome
from transforms.payment.transaction import KafkaRecord

START_US = 1_767_225_600_000_000
HOUR_US = 3_600_000_000
SKEW_US = 300_000_000
EVERYTHING = Traffic(
    count=1_500,
    duplicate_ratio=0.05,
    late_ratio=0.05,
    conflict_ratio=0.05,
    invalid_ratio=0.05,
    reorder_ratio=0.1,
)


@functools.cache
def pools(seed: int = 1) -> generate.Pools:
    return generate.make_pools(seed, accounts=50)


def clock(traffic: Traffic, start_us: int = START_US, age_us: int = 0) -> Schedule:
    return Schedule(traffic.rate_per_sec or 500, start_us, age_us, now_sec=lambda: 0.0)


@functools.cache
def planned(traffic: Traffic, partitions: int = 4) -> list[Send]:
    traffic.check()
    return list(Plan(traffic, pools(traffic.seed), partitions, clock(traffic)))


@functools.cache
def traffic_of(name: str, count: int | None = None) -> Traffic:
    traffic = Traffic(**scenario.read(name))
    return dataclasses.replace(traffic, count=count, duration_sec=None) if count else traffic


def reference(sends: list[Send], arrivals_us: list[int]) -> list[tuple[Outcome, Reason | None]]:
    """Returns what the contract makes of the records, one after the other."""
    check = rules.Rules(clock_skew_us=SKEW_US).check
    policy = DedupPolicy(horizon_us=HOUR_US + SKEW_US)
    seen: dict[str, FirstSeen] = {}
    outcomes: list[tuple[Outcome, Reason | None]] = []
    for n, (send, arrival_us) in enumerate(zip(sends, arrivals_us, strict=True)):
        record = KafkaRecord("p", send.partition, n, arrival_us, send.key, send.payload)
        try:
            transaction = wire_format.decode(record)
            check(transaction)
        except Rejected as rejected:
            outcomes.append((Outcome.INVALID, rejected.reason))
            continue
        if rules.is_late(transaction, HOUR_US):
            outcomes.append((Outcome.LATE, None))
            continue
        outcome = policy.decide(seen.get(transaction.transaction_id), transaction)
        if outcome is Outcome.ACCEPTED:
            seen[transaction.transaction_id] = policy.remember(transaction)
        outcomes.append((outcome, None))
    return outcomes


@pytest.mark.parametrize("name", scenario.names())
def test_every_scenario_ends_as_the_contract_says(name: str) -> None:
    traffic = traffic_of(name, 2_000)
    sends = planned(traffic)
    schedule = clock(traffic)

    for network_us in (5_000, 20_000_000):  # a slow network must not flip an outcome
        arrivals_us = [schedule.event_time_us(n) + network_us for n in range(len(sends))]
        expected = [(send.expected, send.reason) for send in sends]
        assert expected == reference(sends, arrivals_us)


@pytest.mark.parametrize("hours", [0, 5])
def test_a_start_time_long_ago_makes_valid_records_late(hours: int) -> None:
    age_us = hours * HOUR_US
    schedule = clock(EVERYTHING, START_US - age_us, age_us)

    sends = list(Plan(EVERYTHING, pools(), 4, schedule))

    arrivals_us = [
        schedule.arrival_us(schedule.event_time_us(n)) + 1_000 for n in range(len(sends))
    ]
    assert [(send.expected, send.reason) for send in sends] == reference(sends, arrivals_us)
    valid = {send.expected for send in sends} - {Outcome.INVALID}
    assert valid == ({Outcome.LATE} if hours else set(Outcome) - {Outcome.INVALID, Outcome.SKIPPED})


def test_the_same_seed_gives_the_same_records() -> None:
    again = list(Plan(EVERYTHING, generate.make_pools(1, 50), 4, clock(EVERYTHING)))

    assert again == planned(EVERYTHING)


def test_another_seed_shares_no_id() -> None:
    other = dataclasses.replace(EVERYTHING, seed=2)

    ids = [{send.facts.transaction_id for send in planned(each)} for each in (EVERYTHING, other)]

    # What is broken on purpose is broken alike.
    assert not {id_ for id_ in ids[0] & ids[1] if id_ and len(id_) == len("tx-") + 16}


def test_the_clock_changes_nothing_but_times() -> None:
    tomorrow = clock(EVERYTHING, START_US + 86_400_000_000)

    for one, other in zip(planned(EVERYTHING), Plan(EVERYTHING, pools(), 4, tomorrow), strict=True):
        assert one.facts[:-1] == other.facts[:-1]
        assert (one.key, one.expected, one.fault) == (other.key, other.expected, other.fault)


def test_partitions_change_nothing_but_places() -> None:
    for one, other in zip(planned(EVERYTHING), planned(EVERYTHING, partitions=1), strict=True):
        assert (one.payload, one.expected, one.fault) == (
            other.payload,
            other.expected,
            other.fault,
        )
        assert other.partition == 0


@pytest.mark.parametrize("count", [1, 2, 17, 100])
@pytest.mark.parametrize("kinds", [("burst",), ("delayed",), ("storm",)])
def test_count_holds_exactly(count: int, kinds: tuple[str, ...]) -> None:
    traffic = dataclasses.replace(
        EVERYTHING, count=count, duplicate_ratio=0.3, duplicate_kinds=kinds
    )

    assert len(planned(traffic)) == count


def test_duration_is_a_count_at_a_rate() -> None:
    assert Traffic(rate_per_sec=50, duration_sec=2.5).records == 125
    assert Traffic(rate_per_sec=0, duration_sec=2.5).records is None


def test_shares_are_near_those_asked_for() -> None:
    traffic = dataclasses.replace(EVERYTHING, count=6_000)
    counts = collections.Counter(send.expected for send in planned(traffic))

    for outcome in (Outcome.DUPLICATE, Outcome.LATE, Outcome.CONFLICT, Outcome.INVALID):
        assert counts[outcome] / 6_000 == pytest.approx(0.05, rel=0.2), outcome


def test_storm_has_more_than_a_thousand_ways_of_sending_again() -> None:
    sends = planned(traffic_of("duplicate_storm", 14_000))  # the scenario itself has 20,000

    storms = {send.fault for send in sends} - {"none"}
    copies = sum(send.expected is Outcome.DUPLICATE for send in sends)
    assert len(storms) == len(duplicate_shapes.KINDS["storm"]) > 1_000
    assert copies / len(sends) == pytest.approx(0.5, rel=0.05)


def test_an_original_comes_before_its_copies_and_contradictions() -> None:
    traffic = dataclasses.replace(EVERYTHING, reorder_ratio=0.5, duplicate_ratio=0.2)
    first: dict[str, Send] = {}

    for send in planned(traffic):
        id_ = send.facts.transaction_id
        if send.expected is Outcome.ACCEPTED:
            assert id_ is not None and id_ not in first
            first[id_] = send
        elif send.expected is Outcome.DUPLICATE:
            assert id_ is not None and send.payload == first[id_].payload
        elif send.expected is Outcome.CONFLICT:
            assert id_ is not None and send.partition == first[id_].partition


def test_a_copy_due_after_the_end_is_sent_at_the_end() -> None:
    plan = Plan(
        Traffic(duplicate_ratio=0.4, duplicate_kinds=("delayed",)), pools(), 4, clock(Traffic())
    )
    begun = [next(plan) for _ in range(200)]  # at 500/s: not a second of the minutes of delay

    plan.drain()
    rest = list(plan)

    assert not any(send.fault == "delayed" for send in begun)
    assert rest and {send.expected for send in rest} == {Outcome.DUPLICATE}
    assert plan.sent == 200 + len(rest)
    assert {send.payload for send in rest} <= {send.payload for send in begun}


def test_reordered_payments_are_overtaken() -> None:
    sends = planned(dataclasses.replace(EVERYTHING, reorder_ratio=0.2))

    latest_us = 0
    overtaken = 0
    for send in sends:
        if send.fault in ("none", "reorder") and send.event_time_us is not None:
            overtaken += send.fault == "reorder" and send.event_time_us < latest_us
            latest_us = max(latest_us, send.event_time_us)
    assert overtaken > 50
