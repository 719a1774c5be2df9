"""Generates payments as seeded people and shops would make them."""

from __future__ import annotations

import itertools
import random
import re
from typing import NamedTuple

from faker import Faker

from transforms.codecs import wire_format
from transforms.payment.rules import MINOR_DIGITS

# Country, currency and the size of an everyday amount in it. JPY has no minor digits, KWD has
# three: whoever takes two for granted is off by a factor of 100 or 10.
HOMES: tuple[tuple[str, str, float], ...] = (
    ("DE", "EUR", 25),
    ("FR", "EUR", 25),
    ("US", "USD", 28),
    ("US", "USD", 28),
    ("GB", "GBP", 22),
    ("JP", "JPY", 3_600),
    ("KW", "KWD", 8),
)
CURRENCIES = tuple(sorted({currency for _, currency, _ in HOMES}))
_PAYMENT_TYPES = ("purchase",) * 85 + ("transfer",) * 7 + ("refund",) * 5 + ("withdrawal",) * 3
_DRAWN_AT_ONCE = 1_024
_MERCHANTS = 100
# Odd, so that serial × step visits every 64-bit number once: ids look random and never repeat.
_ID_STEP = 0x9E3779B97F4A7C15
_ID_MASK = 2**64 - 1


class Account(NamedTuple):
    """A payer with habits."""

    account_id: str
    key: bytes  # of its Kafka records
    country: str
    currency: str
    devices: tuple[str, ...]
    amounts_minor: tuple[int, ...]  # what it usually pays, minor units of `currency`
    merchants: tuple[str, ...]  # where it usually pays


class Payment(NamedTuple):
    """One payment, field for field as `wire_format` writes it."""

    transaction_id: str
    account_id: str
    merchant_id: str
    payment_type: str
    amount_minor: int
    currency: str
    event_time: str
    country: str | None
    device_id: str | None

    def encode(self) -> bytes:
        """Returns the payload that carries this payment."""
        return wire_format.encode(self._asdict())


class Pools(NamedTuple):
    """All that payments are put together from."""

    accounts: list[Account]
    merchants: list[str]


def make_pools(seed: int, accounts: int) -> Pools:
    """Returns the accounts and merchants of a seed.

    Faker works here and nowhere else: 10 to 200 microseconds per call are too much per payment.
    """
    faker = Faker("en_US")
    faker.seed_instance(seed)
    rng = random.Random(f"{seed}:pools")
    merchants = [_merchant_id(faker, serial) for serial in range(_MERCHANTS)]
    return Pools([_account(faker, rng, merchants, i) for i in range(accounts)], merchants)


def _merchant_id(faker: Faker, serial: int) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", faker.company().lower())
    return f"shop-{serial}-{name}"[:64]


def _account(faker: Faker, rng: random.Random, merchants: list[str], serial: int) -> Account:
    country, currency, everyday = rng.choice(HOMES)
    habit = everyday * rng.lognormvariate(0, 0.6)
    unit = 10 ** MINOR_DIGITS[currency]
    account_id = f"acc-{faker.hexify('^^^^^^')}-{serial}"  # the serial makes it unique
    return Account(
        account_id=account_id,
        key=account_id.encode(),
        country=country,
        currency=currency,
        devices=tuple(f"dev-{faker.hexify('^' * 8)}" for _ in range(rng.randint(1, 3))),
        amounts_minor=tuple(
            max(1, round(habit * rng.lognormvariate(0, 0.5) * unit)) for _ in range(8)
        ),
        merchants=tuple(rng.choices(merchants, k=4)),
    )


class PaymentSource:
    """Makes payments one by one; the same seed gives the same ones in the same order."""

    def __init__(self, seed: int, pools: Pools) -> None:
        self._rng = random.Random(f"{seed}:payments")
        self._pools = pools
        # Zipf: the busiest account pays twice as often as the second, three times the third.
        self._cum_weights = list(
            itertools.accumulate(1 / rank for rank in range(1, len(pools.accounts) + 1))
        )
        self._next_id = self._rng.getrandbits(64)
        self._drawn: list[Account] = []
        self._second, self._second_text = -1, ""

    def next(self, event_time_us: int) -> tuple[Account, Payment]:
        """Returns the next payment, made at `event_time_us`, and who pays."""
        if not self._drawn:
            self._drawn = self._rng.choices(
                self._pools.accounts, cum_weights=self._cum_weights, k=_DRAWN_AT_ONCE
            )
        account = self._drawn.pop()
        # One random number serves four small choices: they need not be independent of each other.
        bits = self._rng.getrandbits(32)
        amount_minor = account.amounts_minor[bits & 7]
        country = account.country
        device_id = account.devices[(bits >> 3 & 15) % len(account.devices)]
        oddity = bits >> 16
        if oddity < 2_600:  # of 65,536: 4 % of the payments break one habit
            amount_minor, country, device_id = self._break_a_habit(account, bits & 3)
        self._next_id = (self._next_id + _ID_STEP) & _ID_MASK
        return account, Payment(
            f"tx-{self._next_id:016x}",
            account.account_id,
            account.merchants[bits >> 7 & 3],
            _PAYMENT_TYPES[(bits >> 9 & 127) % 100],
            amount_minor,
            account.currency,
            self._event_time_text(event_time_us),
            country,
            device_id,
        )

    def _event_time_text(self, event_time_us: int) -> str:
        # Half of the time of a payment went into its date; one date serves a whole second.
        second, micros = divmod(event_time_us, 1_000_000)
        if second != self._second:
            text = wire_format.event_time_text(second * 1_000_000)
            self._second, self._second_text = second, text.removesuffix("000000Z")
        return f"{self._second_text}{micros:06d}Z"

    def _break_a_habit(self, account: Account, habit: int) -> tuple[int, str, str]:
        amount_minor, device_id = account.amounts_minor[0], account.devices[0]
        if habit == 0:
            return amount_minor * 20, account.country, device_id
        if habit == 1:
            return amount_minor, account.country, f"dev-{self._rng.getrandbits(32):08x}"
        return amount_minor, self._rng.choice(HOMES)[0], device_id
