"""A shard decides as the policy does, whatever the batches, and forgets by the bucket."""

import itertools
import random
from collections.abc import Iterable

import numpy as np
import pytest

from tests.support.payments import SECOND_US, START_US, transaction
from transforms.payment.dedup_policy import DedupPolicy, FirstSeen
from transforms.payment.outcome import Outcome
from transforms.payment.transaction import Transaction
from transforms.state.id_memory import DIGEST, ENTRY, Digests, IdMemory, Remembered, digests_of
from transforms.state.shard import (
    Catalogue,
    Decided,
    HorizonChanged,
    Shard,
    ShardsChanged,
    pack,
    unpack,
)

HORIZON_SEC = 60
POLICY = DedupPolicy(HORIZON_SEC * SECOND_US)


def traffic(seed: int, count: int = 400) -> list[Transaction]:
    """Few ids, many copies, some with other facts, over several horizons, a little out of order."""
    rng = random.Random(seed)
    return [
        transaction(
            f"tx-{rng.randrange(40)}",
            arrival_us=START_US + (n // 2 + rng.randrange(-3, 3)) * SECOND_US,
            amount_minor=rng.choice((5, 5, 5, 6)),
            offset=n,
            partition=rng.randrange(3),
            topic=rng.choice(("payments", "refunds")),
        )
        for n in range(count)
    ]


def by_policy(records: list[Transaction]) -> list[tuple[int, Outcome, tuple | None]]:
    return by_policy_of(POLICY, records)


def by_policy_of(
    policy: DedupPolicy, records: list[Transaction]
) -> list[tuple[int, Outcome, tuple | None]]:
    remembered: dict[str, FirstSeen] = {}
    told = []
    for record in records:
        first = remembered.get(record.transaction_id)
        outcome = policy.decide(first, record)
        if outcome is Outcome.ACCEPTED:
            remembered[record.transaction_id] = policy.remember(record)
        told.append((record.offset, outcome, None if outcome is Outcome.ACCEPTED else first[1:]))
    return told


def in_batches(records: list[Transaction], seed: int) -> tuple[list[tuple], Shard, list[bytes]]:
    return in_batches_of(POLICY, records, seed)


def in_batches_of(
    policy: DedupPolicy, records: list[Transaction], seed: int
) -> tuple[list[tuple], Shard, list[bytes]]:
    """Decides in random batches; now and then a new worker begins, with what state holds."""
    rng = random.Random(seed)
    shard, state, told = Shard(policy, Catalogue(), 8), [], []
    while records:
        size = rng.randrange(1, 60)
        batch, records = records[:size], records[size:]
        decided = shard.decide(batch)
        state += [pack(bucket, entries) for bucket, entries in decided.fresh.items()]
        told += what(decided)
        if rng.random() < 0.3:
            shard = restored(shard.catalogue.encode(), state, policy)
    return told, shard, state


def what(decided: Decided) -> list[tuple[int, Outcome, tuple | None]]:
    """Returns offset, outcome and first of each record, in the order of the batch."""
    told = [(each.offset, Outcome.ACCEPTED, None) for each in decided.accepted]
    told += [(each.transaction.offset, each.outcome, each.first[1:]) for each in decided.copies]
    return sorted(told, key=lambda it: it[0])


def restored(catalogue: bytes, state: list[bytes], policy: DedupPolicy = POLICY) -> Shard:
    shard = Shard(policy, Catalogue.decode(catalogue), 8)
    for blob in state:
        shard.load(*unpack(blob))
    return shard


@pytest.mark.parametrize("seed", range(20))
def test_batches_and_restarts_change_no_decision(seed: int) -> None:
    records = traffic(seed)

    told, _, _ = in_batches(records, seed)

    assert told == by_policy(records)
    assert {outcome for _, outcome, _ in told} == {
        Outcome.ACCEPTED,
        Outcome.DUPLICATE,
        Outcome.CONFLICT,
    }


def test_forgotten_buckets_change_no_decision() -> None:
    """The watermark may follow arrivals as closely as it likes."""
    records = sorted(traffic(1, 2_000), key=lambda it: it.broker_time_us)
    shard, told, dropped = Shard(POLICY, Catalogue(), 8), [], 0
    for record in records:
        for bucket in shard.forgettable(record.broker_time_us // 1_000):
            dropped += shard.drop(bucket)
        told += what(shard.decide([record]))

    assert told == by_policy(records)
    assert dropped > 100


def test_bucket_is_not_forgettable_a_millisecond_early() -> None:
    shard = Shard(POLICY, Catalogue(), 8)
    bucket_ms = HORIZON_SEC * 1_000 // 4
    last_of_bucket_ms = START_US // 1_000 // bucket_ms * bucket_ms + bucket_ms - 1
    shard.decide([transaction(arrival_us=last_of_bucket_ms * 1_000)])
    forget_at_ms = last_of_bucket_ms + HORIZON_SEC * 1_000 + 1  # as for a single id

    assert shard.forgettable(forget_at_ms) == []
    assert len(shard.forgettable(shard.next_forgetting_ms())) == 1
    assert shard.next_forgetting_ms() == forget_at_ms + 1


def test_id_takes_forty_bytes_in_state() -> None:
    shard = Shard(POLICY, Catalogue(), 8)
    batch = [transaction(f"tx-{n}", offset=n) for n in range(1_000)]

    [blob] = [pack(bucket, entries) for bucket, entries in shard.decide(batch).fresh.items()]

    assert ENTRY.itemsize == 40
    assert len(blob) == 40 * 1_000 + 8


def digests(*pairs: tuple[int, int]) -> Digests:
    return np.array(list(pairs), DIGEST)


def entry(memory: IdMemory, digest: np.void, remembered: Remembered) -> tuple[int, tuple[int, ...]]:
    """Returns the bucket and the entry that keep what is remembered of an id."""
    bucket, place_ms = divmod(remembered.arrival_ms, memory._bucket_ms)
    return bucket, (
        *digest.tolist(),
        remembered.facts,
        remembered.offset,
        place_ms,
        remembered.partition,
        remembered.topic,
    )


def remember(memory: IdMemory, digest: np.void, remembered: Remembered) -> None:
    bucket, each = entry(memory, digest, remembered)
    memory.add(bucket, np.array([each], ENTRY))


def test_digests_that_share_a_half_are_told_apart() -> None:
    memory = IdMemory(bucket_ms=1_000)
    twins = digests(*((7, low) for low in range(50)))
    kept = {n: Remembered(1, 5_000 + n, 0, 0, n) for n in range(0, 50, 2)}
    for n, remembered in kept.items():
        remember(memory, twins[n], remembered)

    assert memory.find(twins) == kept


def test_highest_values_come_back() -> None:
    memory = IdMemory(bucket_ms=2**32)
    asked = digests((2**64 - 1, 2**64 - 1), (0, 0))
    kept = Remembered(2**64 - 1, 2**32 * 400 + 2**32 - 1, 2**16 - 1, 2**16 - 1, 2**63)
    remember(memory, asked[0], kept)

    assert memory.find(asked) == {0: kept}


def test_control_a_digest_of_three_bits_confuses_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison with the policy does see a lost payment."""

    def short(ids: Iterable[str]) -> Digests:
        return digests(*((high % 8, 0) for high in digests_of(ids)["high"].tolist()))

    monkeypatch.setattr("transforms.state.shard.digests_of", short)
    records = traffic(3)

    assert in_batches(records, 3)[0] != by_policy(records)
    assert digests_of(["a"]) != digests_of(["b"])


def test_state_of_another_horizon_is_refused() -> None:
    """Arrivals are places in buckets: read with another length, ids would be forgotten early."""
    shard = Shard(POLICY, Catalogue(), 8)
    shard.decide([transaction()])
    state = shard.catalogue.encode()
    longer = DedupPolicy(2 * HORIZON_SEC * SECOND_US)

    with pytest.raises(HorizonChanged, match="horizon of 60 s, this job has 120 s"):
        Shard(longer, Catalogue.decode(state), 8)
    with pytest.raises(ShardsChanged, match=r"8 shards, this job has 16.*--shards must stay"):
        Shard(POLICY, Catalogue.decode(state), 16)
    assert Shard(POLICY, Catalogue.decode(state), 8).catalogue.counts == shard.catalogue.counts


def test_ids_added_batch_by_batch_lie_in_few_runs_and_all_are_found() -> None:
    memory = IdMemory(bucket_ms=2**32)
    asked = digests_of(f"tx-{n}" for n in range(3_000))
    for number, digest in enumerate(asked):
        remember(memory, digest, Remembered(number, 1_000 + number, 0, 0, number))

    found = memory.find(asked)

    assert [found[number].offset for number in range(3_000)] == list(range(3_000))
    [runs] = memory._buckets.values()
    assert len(runs) <= 12  # log2 of them
    assert [len(longer) > 2 * len(run) for longer, run in itertools.pairwise(runs)] == [True] * (
        len(runs) - 1
    )


def test_newest_record_of_an_id_counts_in_whichever_run_it_lies() -> None:
    asked = digests_of(["tx-1"])
    others = digests_of(f"other-{n}" for n in range(1, 8))
    for arrivals in itertools.permutations((1_000, 2_000, 3_000)):
        memory = IdMemory(bucket_ms=2**32)
        for arrival_ms in arrivals:
            # Beside a long run, a short one stays apart.
            beside = others if arrival_ms == arrivals[0] else others[:0]
            entries = [entry(memory, asked[0], Remembered(7, arrival_ms, 0, 0, arrival_ms))[1]]
            entries += [entry(memory, it, Remembered(7, arrival_ms, 0, 0, 1))[1] for it in beside]
            memory.add(0, np.array(entries, ENTRY))

        assert memory.find(asked)[0].arrival_ms == 3_000
