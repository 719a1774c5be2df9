"""Measures the memory of a worker's copy of the ids, in a process that holds nothing else.

RocksDB keeps every id (transforms/sharded_dedup.py); a worker keeps those of its shards once more,
sorted, as a cache. Here one process has all shards.
"""

from __future__ import annotations

import gc
import multiprocessing

import psutil

from harness.errors import HarnessError
from transforms.batch_by_shard import Shards
from transforms.payment.dedup_policy import DedupPolicy
from transforms.payment.transaction import Transaction
from transforms.state.shard import Catalogue, Shard

# As a job of parallelism 8 has.
_SHARDS = Shards(tuple(range(32)))
_BEGIN_US = 1_800_000_000_000_000
_HORIZON_US = 3_600_000_000
_WARM_UP_IDS = 10_000


def bytes_for(ids: int) -> int:
    """Returns how many bytes a worker grows by that learns so many ids within an hour.

    The ids come second by second, as to a job; what only that process has counts (USS).

    Raises:
        HarnessError: it does not remember as many as it was given.
    """
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_grown_by, (ids,))


def _grown_by(ids: int) -> int:
    # What learning itself needs is not what is remembered. Held, so that nothing lies in its room.
    warm_up = _filled(_WARM_UP_IDS)
    gc.collect()
    before = psutil.Process().memory_full_info().uss
    kept = _filled(ids)
    gc.collect()
    grown = psutil.Process().memory_full_info().uss - before
    remembered = sum(sum(each.catalogue.counts.values()) for each in (*warm_up, *kept))
    if remembered != _WARM_UP_IDS + ids:
        raise HarnessError(f"{remembered} ids are remembered, sent {_WARM_UP_IDS + ids}")
    return int(grown)


def _filled(ids: int) -> list[Shard]:
    policy = DedupPolicy(_HORIZON_US)
    shards = {key: Shard(policy, Catalogue(), len(_SHARDS)) for key in _SHARDS.keys}
    per_second = max(1, ids * 1_000_000 // _HORIZON_US)
    for begin in range(0, ids, per_second):
        batches: dict[int, list[Transaction]] = {key: [] for key in shards}
        for number in range(begin, min(ids, begin + per_second)):
            payment = _payment(number, _BEGIN_US + number * _HORIZON_US // ids)
            batches[_SHARDS.of(payment.transaction_id)].append(payment)
        for key, batch in batches.items():
            shards[key].decide(batch)
    return list(shards.values())


def _payment(number: int, arrival_us: int) -> Transaction:
    return Transaction(
        transaction_id=f"txn-{number:032x}",
        account_id=f"account-{number % 10_000}",
        merchant_id=f"merchant-{number % 1_000}",
        payment_type="card",
        amount_minor=number % 100_000,
        currency="EUR",
        event_time_us=arrival_us,
        country=None,
        device_id=None,
        topic="payments",
        partition=number % 4,
        offset=number,
        broker_time_us=arrival_us,
    )
