"""The faults between a gateway and the books, each with the outcome that it must have.

Every function is pure: a payment and random numbers in, planned records out. Payloads that cannot
be counted are in `invalid`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from simulator.duplicate_shapes import DuplicateShape
from simulator.generate import CURRENCIES, Payment, Pools
from simulator.routing import Route, Router
from simulator.send import MINUTE_US, Later, Send, Write, send_of
from transforms.codecs import wire_format
from transforms.payment.outcome import Outcome

CONFLICTS = ("amount", "currency", "merchant", "account")
# Ages away from the hour of allowed lateness on both sides: neither the network nor a delayed
# copy may turn one into the other.
_LATE_AGE_US = (61 * MINUTE_US, 180 * MINUTE_US)
_NEARLY_LATE_AGE_US = (30 * MINUTE_US, 55 * MINUTE_US)
LATE_COPY_SHARE = 0.2
_REORDER_SEC_MAX = 60.0
_CONFLICT_DELAYS_SEC = (0.0, 0.0, 1.0, 30.0)


def duplicate(original: Send, shape: DuplicateShape, router: Router) -> Iterator[Later]:
    """Yields copies of an accepted record, byte for byte, as `shape` says."""
    assert original.key is not None  # a payment has its account as key
    for copy, delay_sec in enumerate(shape.delays_sec()):
        repeated = original._replace(expected=Outcome.DUPLICATE, fault=shape.name)
        if shape.elsewhere(copy):
            key, partition = router.away(original.key)
            repeated = repeated._replace(
                key=original.key if original.key_is_said else key, partition=partition
            )
        yield Later(delay_sec, repeated)


def late(
    payment: Payment, route: Route, now_us: int, rng: random.Random, write: Write = send_of
) -> Iterator[Later]:
    """Yields a payment that was held up for 61 to 180 minutes, and sometimes a copy of it.

    The copy is late too: a late record is not remembered.
    """
    event_time_us = now_us - rng.randrange(*_LATE_AGE_US)
    aged = _aged(payment, event_time_us)
    record = write(aged, route, event_time_us, Outcome.LATE, "late")
    yield Later(0, record)
    if rng.random() < LATE_COPY_SHARE:
        yield Later(0, record._replace(fault="late_copy"))


def nearly_late(
    payment: Payment, route: Route, now_us: int, rng: random.Random, write: Write = send_of
) -> Send:
    """Returns a payment that was held up for 30 to 55 minutes, and counts all the same."""
    event_time_us = now_us - rng.randrange(*_NEARLY_LATE_AGE_US)
    aged = _aged(payment, event_time_us)
    return write(aged, route, event_time_us, Outcome.ACCEPTED, "nearly_late")


def reorder(rng: random.Random) -> float:
    """Returns for how many seconds a payment is held back, while later ones pass it."""
    return rng.uniform(1.0, _REORDER_SEC_MAX)


def conflict(
    original: Send,
    payment: Payment,
    pools: Pools,
    rng: random.Random,
    *,
    write: Write = send_of,
    kinds: tuple[str, ...] = CONFLICTS,
) -> Later:
    """Returns a record with the id of an accepted payment and one other fact.

    It follows its original on the same partition, so that the original always comes first. The
    key stays, too, even where the account changes: the gateway's key is not a payment fact.
    """
    assert original.key is not None and original.event_time_us is not None
    kind = rng.choice(kinds)
    delay_sec = rng.choice(_CONFLICT_DELAYS_SEC)
    # A short run shortens the delay, and the event time may be up to 30 s ahead of arrival: less
    # than the clock skew of 5 minutes.
    event_time_us = original.event_time_us + int(delay_sec * 1e6)
    other = _aged(_contradict(kind, payment, pools, rng), event_time_us)
    route = Route(original.key, original.partition)
    record = write(other, route, event_time_us, Outcome.CONFLICT, f"conflict_{kind}")
    if not _contradicts(record, original):
        # What was changed is nothing that this contract can say, or the time is part of its id: a
        # slipped decimal at the same time always contradicts.
        other = _aged(payment, original.event_time_us)._replace(amount_minor=_tenfold(original))
        record = write(other, route, original.event_time_us, Outcome.CONFLICT, "conflict_amount")
    return Later(delay_sec, record._replace(key=original.key))


def _contradicts(record: Send, original: Send) -> bool:
    same_id = record.facts.transaction_id == original.facts.transaction_id
    return same_id and record.facts[1:5] != original.facts[1:5]


def _tenfold(original: Send) -> int:
    return (original.facts.amount_minor or 1) * 10


def _contradict(kind: str, payment: Payment, pools: Pools, rng: random.Random) -> Payment:
    if kind == "amount":
        # One minor unit more is the smallest contradiction, ten times more a slipped decimal.
        amount_minor = payment.amount_minor
        return payment._replace(amount_minor=rng.choice((amount_minor + 1, amount_minor * 10)))
    if kind == "currency":
        return payment._replace(currency=_another(CURRENCIES, payment.currency, rng))
    if kind == "merchant":
        return payment._replace(merchant_id=_another(pools.merchants, payment.merchant_id, rng))
    account_id = f"acc-stolen-{rng.getrandbits(32):08x}"
    return payment._replace(account_id=account_id)


def _another(values: tuple[str, ...] | list[str], value: str, rng: random.Random) -> str:
    return rng.choice([other for other in values if other != value])


def _aged(payment: Payment, event_time_us: int) -> Payment:
    return payment._replace(event_time=wire_format.event_time_text(event_time_us))
