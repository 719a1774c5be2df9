"""One planned record: where it is sent, what it carries and how it must end."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from simulator.generate import Payment
from simulator.routing import Route
from transforms.payment.dead_letter import Reason
from transforms.payment.outcome import Outcome

# The defaults of docs/guarantee.md. Every planned age keeps a minute or more away from them.
ALLOWED_LATENESS_US = 3_600_000_000
CLOCK_SKEW_US = 300_000_000
MINUTE_US = 60_000_000


class Facts(NamedTuple):
    """What the ledger tells of a payload, as far as it can be read."""

    transaction_id: str | None
    account_id: str | None
    merchant_id: str | None
    amount_minor: int | None
    currency: str | None
    event_time: str | None


UNREADABLE = Facts(None, None, None, None, None, None)


class Send(NamedTuple):
    """One planned record."""

    key: bytes | None
    partition: int
    payload: bytes | None  # None is a tombstone
    facts: Facts
    event_time_us: int | None  # None: whatever the time, the record is invalid
    expected: Outcome  # when records are processed in the order of their arrival
    reason: Reason | None  # of an invalid one
    fault: str
    headers: tuple[tuple[str, bytes], ...] = ()
    # The event time is what the broker says: known once it has acknowledged the record.
    time_is_arrival: bool = False
    # The key is a part of the payment: a copy on another partition has the same.
    key_is_said: bool = False


class Later(NamedTuple):
    """A record to send `delay_sec` after the payment that it follows."""

    delay_sec: float
    send: Send


class Write(Protocol):
    """Writes payments in one form or another; `send_of` writes our own JSON."""

    def __call__(
        self, payment: Payment, route: Route, event_time_us: int, expected: Outcome, fault: str, /
    ) -> Send:
        """Returns the record that carries a well-formed payment."""


def send_of(
    payment: Payment, route: Route, event_time_us: int, expected: Outcome, fault: str
) -> Send:
    """Returns the record that carries a well-formed payment."""
    facts = Facts(
        payment.transaction_id,
        payment.account_id,
        payment.merchant_id,
        payment.amount_minor,
        payment.currency,
        payment.event_time,
    )
    return Send(
        route.key,
        route.partition,
        payment.encode(),
        facts,
        event_time_us,
        expected,
        None,
        fault,
    )


def settle(send: Send, arrival_us: int) -> Send:
    """Returns `send` with what its arrival makes of it: too old is late, whatever it repeats.

    The plan keeps ages away from the limit. Only a start time in the past, or a rate that the
    machine does not hold by far, makes a payment older than planned.
    """
    if send.event_time_us is None or arrival_us - send.event_time_us <= ALLOWED_LATENESS_US:
        return send
    return send._replace(expected=Outcome.LATE, reason=None)
