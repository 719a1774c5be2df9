"""Sends payments to the sandbox's topic, as `payments send` does."""

from __future__ import annotations

import dataclasses
import random
import secrets
import threading
import time
from collections.abc import Mapping
from typing import Any

from console.places import Places
from operations.errors import CannotCheck
from simulator import by_hand
from simulator.by_hand import Wanted
from simulator.contracts.speech import Speech
from simulator.produce import Acknowledged, ProduceError, Publisher
from transforms.kafka import connection as kafka_connection
from transforms.payment.rules import AMOUNT_MINOR_MAX

STORM = 100
_LATE_SEC = 7_200
# What breaks a record in one form or another, the first that the form has.
_BROKEN = ("truncated_json", "no_frame", "left_over", "cut_off")


@dataclasses.dataclass(frozen=True)
class Kind:
    """What a button sends.

    Attributes:
        of_known: whether it is about a payment that was sent before.
        remembered: whether its id is one that the next can be about: of a late record and of a
            broken one no id is remembered.
    """

    label: str
    meaning: str
    of_known: bool = False
    remembered: bool = True


KINDS: Mapping[str, Kind] = {
    "payment": Kind("Send a payment", "one that nobody has sent: it must be accepted"),
    "again": Kind("Send it again", "the same payment: a duplicate", True),
    "conflict": Kind("Same id, other amount", "it contradicts the payment: a conflict", True),
    "late": Kind("Two hours old", "it arrives after the allowed lateness: late", remembered=False),
    "broken": Kind("Broken JSON", "nobody can read it: a dead letter", remembered=False),
    "storm": Kind(f"Storm: {STORM} copies", "as a producer that retries: counted once", True),
}


def kinds(speech: Speech | None) -> Mapping[str, Kind]:
    """Returns the buttons: nothing is late whose time is that of its arrival."""
    if speech is None:
        return KINDS
    found = {**KINDS, "broken": dataclasses.replace(KINDS["broken"], label="Broken")}
    if not speech.can_be_late:
        del found["late"]
    return found


def new_id() -> str:
    """Returns an id that nobody has used."""
    return f"tx-live-{secrets.token_hex(4)}"


def wanted(kind: str, transaction_id: str, speech: Speech | None = None) -> Wanted:
    """Returns what a button sends.

    Args:
        speech: of a contract; without one payments are our own JSON.
    """
    fields: dict[str, Any] = {"transaction_id": transaction_id}
    if kind == "conflict":
        [made] = by_hand.planned(Wanted(1, fields), 1, time.time_ns() // 1_000, speech)
        amount = made.facts.amount_minor or 1
        fields["amount_minor"] = amount + 1 if amount < AMOUNT_MINOR_MAX else amount - 1
    return Wanted(
        STORM if kind == "storm" else 1,
        fields,
        _LATE_SEC if kind == "late" else 0,
        _broken(speech) if kind == "broken" else None,
    )


def _broken(speech: Speech | None) -> str:
    if speech is None:
        return _BROKEN[0]
    ways = speech.spoils(random.Random(0)).kinds
    return next((each for each in _BROKEN if each in ways), ways[0])


class Sender:
    """A producer that is connected when it is first needed."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._lock = threading.Lock()
        self._publisher: Publisher | None = None

    def send(self, asked: Wanted) -> list[Acknowledged]:
        """Returns what Kafka has acknowledged. Raises CannotCheck unless that is all."""
        with self._lock:
            try:
                return self._send(asked)
            except ProduceError as error:
                self._close()
                raise CannotCheck(str(error)) from None

    def close(self) -> None:
        """Lets go of the broker."""
        with self._lock:
            self._close()

    def _send(self, asked: Wanted) -> list[Acknowledged]:
        if self._publisher is None:
            topics = self._places.topics
            settings = kafka_connection.for_kafka_python(
                topics.bootstrap_servers, topics.properties
            )
            self._publisher = Publisher(topics.bootstrap_servers, self._places.topic, settings)
        count, sent = by_hand.deliver(self._publisher, asked, self._places.speech)
        if self._publisher.failure is not None:
            raise self._publisher.failure
        if len(sent) < count:
            raise ProduceError(f"{count - len(sent)} records were not acknowledged")
        return sent

    def _close(self) -> None:
        if self._publisher is not None:
            self._publisher.close()
            self._publisher = None
