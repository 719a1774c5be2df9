"""A contract as a run speaks it: records of payments, of what is skipped, of what is refused."""

from __future__ import annotations

import random
from collections.abc import Iterator

from simulator.contracts.encoder import Encoder, Written
from simulator.contracts.meaning import Meant
from simulator.contracts.not_payments import NotPayments
from simulator.contracts.spoil import Spoiler
from simulator.generate import Payment
from simulator.routing import Route
from simulator.send import MINUTE_US, UNREADABLE, Facts, Later, Send
from transforms.codecs import wire_format
from transforms.codecs.contract.language import DAY_KINDS
from transforms.payment.dead_letter import Reason
from transforms.payment.outcome import Outcome

_FACTS = {"amount": "amount", "currency": "currency", "account_id": "account"}
_FACTS |= {"merchant_id": "merchant"}
_FUTURE = "event_time_in_future"
_FUTURE_US = (10 * MINUTE_US, 60 * MINUTE_US)
_CORRECTED_ONE_IN = 4


class Speech:
    """Speaks by a contract.

    Attributes:
        conflicts: what a record can contradict: facts of the contract that a record says.
        can_be_late: whether the event time is the producer's to say.
    """

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        self.conflicts = _conflicts(encoder)
        self.can_be_late = not encoder.time_is_arrival
        self._not_payments = NotPayments(encoder)

    @property
    def skips(self) -> bool:
        """Returns whether the contract skips anything."""
        return bool(self._not_payments.ways)

    def send_of(
        self, payment: Payment, route: Route, event_time_us: int, expected: Outcome, fault: str, /
    ) -> Send:
        """Returns the record that carries a well-formed payment."""
        meant, written = self.encoder.encode(payment, event_time_us)
        return self._send(written, route, meant, expected, fault)

    def not_payment(self, payment: Payment, route: Route, event_time_us: int) -> Send:
        """Returns a record that is not the payment yet, or no longer."""
        meant = self.encoder.meaning.of(payment, event_time_us)
        way, written = self._not_payments.write(meant)
        send = self._send(written, route, meant, Outcome.SKIPPED, f"skipped_{way.name}")
        return send._replace(facts=UNREADABLE, event_time_us=None, time_is_arrival=False)

    def spoils(self, rng: random.Random) -> ContractCorruptor:
        """Returns what makes records that cannot be counted."""
        return ContractCorruptor(self, rng)

    def _send(
        self,
        written: Written | None,
        route: Route,
        meant: Meant,
        expected: Outcome,
        fault: str,
    ) -> Send:
        is_arrival = self.encoder.time_is_arrival
        facts = Facts(
            meant.transaction_id,
            meant.account_id,
            meant.merchant_id,
            meant.amount_minor,
            meant.currency,
            None if is_arrival else wire_format.event_time_text(meant.event_time_us),
        )
        payload, headers, key = written or (None, (), None)
        return Send(
            route.key if key is None else key,
            route.partition,
            payload,
            facts,
            meant.event_time_us,
            expected,  # type: ignore[arg-type]
            None,
            fault,
            headers,
            is_arrival,
            self.encoder.key_is_said,
        )

    def spoiled(self, kind: str, spoiler: Spoiler, meant: Meant, route: Route) -> Send | None:
        """Returns a record that must be invalid, None where the payment cannot be spoiled so."""
        found = spoiler.write(kind, meant)
        if found is None:
            return None
        reason, written = found
        send = self._send(written, route, meant, Outcome.INVALID, f"invalid_{kind}")
        return send._replace(
            facts=UNREADABLE, event_time_us=None, reason=reason, time_is_arrival=False
        )


class ContractCorruptor:
    """Spoils payments, one kind after the other in a seeded order, so that a run has every kind."""

    def __init__(self, speech: Speech, rng: random.Random) -> None:
        self._speech = speech
        self._rng = rng
        self._spoiler = Spoiler(speech.encoder)
        self.kinds = tuple(self._spoiler.kinds)
        time = speech.encoder.contract.fields["event_time"]
        # A day says its start alone: it is never ahead.
        if speech.can_be_late and time.kind not in DAY_KINDS:
            self.kinds += (_FUTURE,)
        self._waiting: list[str] = []

    def corrupt(self, payment: Payment, route: Route, now_us: int) -> Iterator[Later]:
        """Yields a record that must be invalid, and sometimes the corrected payment after it."""
        yield Later(0, self.spoil(self._next_kind(), payment, route, now_us))
        if self._rng.randrange(_CORRECTED_ONE_IN) == 0:
            write = self._speech.send_of
            yield Later(0, write(payment, route, now_us, Outcome.ACCEPTED, "corrected"))

    def spoil(self, kind: str, payment: Payment, route: Route, now_us: int) -> Send:
        """Returns `payment` spoiled in the way of `kind`, or in the next that it can be."""
        if kind == _FUTURE:
            ahead_us = now_us + self._rng.randrange(*_FUTURE_US)
            send = self._speech.send_of(
                payment, route, ahead_us, Outcome.INVALID, f"invalid_{kind}"
            )
            return send._replace(reason=Reason.EVENT_TIME_IN_FUTURE)
        meant = self._speech.encoder.meaning.of(payment, now_us)
        send_or_none = self._speech.spoiled(kind, self._spoiler, meant, route)
        if send_or_none is None:
            return self.spoil(self._next_kind(), payment, route, now_us)
        return send_or_none

    def _next_kind(self) -> str:
        if not self._waiting:
            self._waiting = list(self.kinds)
            self._rng.shuffle(self._waiting)
        return self._waiting.pop()


def _conflicts(encoder: Encoder) -> tuple[str, ...]:
    """Returns the facts of the contract that another record can say otherwise.

    Amount and currency are facts always. What is joined to the id would make another payment.
    """
    fields = encoder.contract.fields
    of_id = {path.text for path in fields["transaction_id"].paths}
    return tuple(
        kind
        for fact, kind in _FACTS.items()
        if fact in encoder.contract.facts
        and fields[fact].paths
        and not of_id & {path.text for path in fields[fact].paths}
    )
