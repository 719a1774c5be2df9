"""Decides whether a dead letter may be sent again, from what the tables and the topic say.

The pipeline remembers an id for the horizon and no longer: without these refusals a letter that is
sent again days after its corrected copy was accepted would be counted twice (docs/decisions/0006).
"""

from __future__ import annotations

import datetime as dt
import enum
from typing import NamedTuple

from operations.dead_letters.candidate import Candidate, Known
from operations.dead_letters.letters import Counted, name_of, replay_of
from operations.reconcile.truth import Limits, Place
from transforms.payment import replay
from transforms.payment.dead_letter import Reason, Rejected
from transforms.payment.rules import is_late
from transforms.payment.transaction import KafkaRecord, PaymentFacts, Transaction, facts_of

# By how much our clock may be ahead of the broker's. Only the wait for a remembered id rests on it.
_CLOCK_MARGIN_US = 60_000_000


class Refusal(enum.Enum):
    """Every reason for which a dead letter is not sent."""

    IN_RECEIPT = "in the receipt"
    UNFOUNDED = "unfounded header"
    SENT_BEFORE = "sent before"
    UNDER_WAY = "under way"
    NOTHING_TO_SEND = "nothing to send"
    BYTES_GONE = "bytes gone"
    STILL_INVALID = "still invalid"
    ALREADY_COUNTED = "already counted"
    STILL_REMEMBERED = "still remembered"
    SAME_ID = "same id in this send"


class Verdict(NamedTuple):
    """Whether a letter may be sent: `refusal` is None when it may."""

    refusal: Refusal | None
    detail: str


class Judge:
    """Decides letter by letter; of two with one id in a send, the first goes.

    Args:
        limits: the limits that the pipeline runs with.
        again: send also what was sent before. The id must be uncounted all the same.
        even_invalid: send also what the pipeline would reject again.
    """

    def __init__(self, limits: Limits, again: bool = False, even_invalid: bool = False) -> None:
        self._limits = limits
        self._again = again
        self._even_invalid = even_invalid
        self._ids: dict[str, Place] = {}

    def judge(self, candidate: Candidate, known: Known, now_us: int) -> Verdict:
        """Returns whether the letter may be sent, and remembers its id when it may."""
        refused = (
            _unfounded(candidate, known)
            or self._sent(candidate, known)
            or _empty(candidate, bool(self._limits.contract.headers))
            or self._counted(candidate, known)
            or self._invalid(candidate, now_us)
            or self._remembered(candidate, now_us)
        )
        if refused is not None:
            return refused
        transaction_id = candidate.transaction_id(self._limits.decoder)
        if transaction_id is not None:
            self._ids[transaction_id] = candidate.place
        return Verdict(None, self._expectation(candidate, now_us))

    def _sent(self, candidate: Candidate, known: Known) -> Verdict | None:
        place = candidate.place
        if place in known.receipt:
            return Verdict(Refusal.IN_RECEIPT, f"as {known.receipt[place]}")
        if self._again:
            return None
        if fates := known.fates.get(place):
            ends = (f"{name_of(fate.place)}: {fate.outcome.value}" for fate in fates)
            return Verdict(Refusal.SENT_BEFORE, f"as {', '.join(ends)} (--again sends it anyway)")
        if place in known.under_way:
            return Verdict(
                Refusal.UNDER_WAY, f"as {name_of(known.under_way[place])}, which has no row yet"
            )
        return None

    def _counted(self, candidate: Candidate, known: Known) -> Verdict | None:
        transaction_id = candidate.transaction_id(self._limits.decoder)
        if transaction_id is None:
            return None
        if (counted := known.counted.get(transaction_id)) is not None:
            return Verdict(
                Refusal.ALREADY_COUNTED,
                f"{transaction_id} is in transactions, from {name_of(counted.place)}, "
                + _comparison(candidate, counted, self._limits),
            )
        if (first := self._ids.get(transaction_id)) is not None:
            return Verdict(Refusal.SAME_ID, f"{transaction_id} goes with {name_of(first)}")
        return None

    def _invalid(self, candidate: Candidate, now_us: int) -> Verdict | None:
        problem = problem_of(candidate, self._limits, now_us)
        if problem is None or self._even_invalid:
            return None
        return Verdict(Refusal.STILL_INVALID, str(problem))

    def _remembered(self, candidate: Candidate, now_us: int) -> Verdict | None:
        """Refuses what would become a duplicate of its own refused row."""
        letter = candidate.letter
        if letter.reason != Reason.REFUSED_BY_BIGQUERY.value:
            return None
        until_us = letter.broker_time_us + self._limits.horizon_us + _CLOCK_MARGIN_US
        if now_us > until_us:
            return None
        until = dt.datetime.fromtimestamp(until_us // 1_000_000 + 1, dt.UTC)
        return Verdict(
            Refusal.STILL_REMEMBERED,
            f"would be a duplicate of its own refused row until {until:%Y-%m-%d %H:%M:%S} UTC",
        )

    def _expectation(self, candidate: Candidate, now_us: int) -> str:
        try:
            transaction = _decoded(candidate, self._limits, now_us)
        except Rejected as problem:
            return f"will be invalid: {problem}"
        except _Skipped as skipped:
            return f"will be skipped, as its contract says: {skipped}"
        if is_late(transaction, self._limits.allowed_lateness_us):
            return "will be late: it was at its first arrival"
        return "will be accepted, unless its id is remembered"


def problem_of(candidate: Candidate, limits: Limits, now_us: int) -> Rejected | None:
    """Returns why the pipeline would reject the record if it arrived now, None if it would not."""
    try:
        _decoded(candidate, limits, now_us)
    except Rejected as problem:
        return problem
    except _Skipped:
        return None
    return None


class _Skipped(Exception):
    """The record is not the payment; the message is the rule that says so."""


def _payment(record: KafkaRecord, limits: Limits) -> Transaction:
    """Returns the payment in a record. Raises Rejected or _Skipped."""
    decoded = limits.decoder.decode([record])
    for _, why in decoded.rejected:
        raise why
    for _, rule in decoded.skipped:
        raise _Skipped(rule)
    return decoded.transactions[0]


def _decoded(candidate: Candidate, limits: Limits, now_us: int) -> Transaction:
    of = replay_of(candidate.letter)
    # Our clock may be behind the broker's: no replay arrives before what it replays.
    arrival_us = max(now_us, of.original_time_us)
    record = KafkaRecord(
        *candidate.place,
        arrival_us,
        candidate.key,
        candidate.payload,
        replay.encode(of),
        candidate.headers,
    )
    transaction = _payment(record, limits)
    limits.rules.check(transaction)
    return transaction


def _unfounded(candidate: Candidate, known: Known) -> Verdict | None:
    """Refuses a letter whose own header is not one that this tool wrote.

    Anyone who may write to the topic can forge a header, and with it the arrival that a payment is
    judged by; what is sent here must not lend it a true one.
    """
    of = candidate.letter.replay_of
    if of is None:
        return None
    parent = known.parents.get(Place.of(of))
    if parent is not None and replay_of(parent) == of:
        return None
    return Verdict(
        Refusal.UNFOUNDED,
        f"its header names {name_of(Place.of(of))}, "
        + ("which is no dead letter" if parent is None else "with another original time"),
    )


def _empty(candidate: Candidate, with_headers: bool) -> Verdict | None:
    if candidate.payload is not None:
        return None
    if not candidate.letter.holds_record(with_headers):
        return Verdict(
            Refusal.BYTES_GONE, "Kafka no longer holds the record, nor the table all of it"
        )
    return Verdict(Refusal.NOTHING_TO_SEND, "a tombstone; `edit` can give it a payload")


def _comparison(candidate: Candidate, counted: Counted, limits: Limits) -> str:
    known = dict(zip(PaymentFacts._fields, counted.facts, strict=True))
    names = [name for name in known if name in limits.contract.fact_names]
    try:
        facts = facts_of(_payment(candidate.record, limits), names)
    except (Rejected, _Skipped):
        return "and the facts here cannot be read"
    if facts == tuple(known[name] for name in names):
        return "with the same facts: nothing is missing"
    return "with other facts: is one of them a fraud?"
