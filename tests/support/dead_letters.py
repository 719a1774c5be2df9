"""Dead letters for tests: a wrong currency by default, changed by keyword."""

from __future__ import annotations

from typing import Any

from operations.dead_letters.candidate import Candidate
from tests.support.payments import START_US, payload
from transforms.payment.dead_letter import DeadLetter

BROKEN = payload(currency="EURO")


def letter(**changes: Any) -> DeadLetter:
    """Returns a dead letter at payments/2/4711 that arrived at noon."""
    return DeadLetter(
        "payments", 2, 4711, START_US, b"key", BROKEN, "unknown_currency", "detail", "step"
    )._replace(**changes)


def corrected(wrong: DeadLetter | None = None, **changes: Any) -> Candidate:
    """Returns a letter beside a valid payload; a change is one of the payload's."""
    return Candidate(wrong or letter(), b"key", payload(**changes))
