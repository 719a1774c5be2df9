"""Dead letters as JSON, for programs: the same facts as text.py has for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from operations.dead_letters import text
from operations.dead_letters.chain import Link
from operations.dead_letters.letters import Stored, name_of, place_of, replay_of
from transforms.payment.dead_letter import DeadLetter


def listed(stored: Stored) -> dict[str, Any]:
    """Returns a dead letter and what became of it when it was sent again."""
    fates = [{"place": name_of(fate.place), "outcome": fate.outcome.value} for fate in stored.fates]
    return {**_facts(stored.letter), "sent_again": fates}


def page(letter: DeadLetter, chain: Sequence[Link]) -> dict[str, Any]:
    """Returns all that is known of a dead letter; what is no text is `base64:…`."""
    links = [
        {
            "place": name_of(link.place),
            "arrived_at": None if link.broker_time_us is None else _moment(link.broker_time_us),
            "end": link.end,
        }
        for link in chain
    ]
    return {
        **_facts(letter),
        "judged_by": _moment(replay_of(letter).original_time_us),
        "step": letter.step,
        "key": None if letter.key is None else text.content(letter.key),
        "payload": None if letter.payload is None else text.content(letter.payload),
        "headers": None if letter.headers is None else orjson.loads(letter.headers),
        "chain": links,
    }


def _facts(letter: DeadLetter) -> dict[str, Any]:
    return {
        "place": name_of(place_of(letter)),
        "arrived_at": _moment(letter.broker_time_us),
        "reason": letter.reason,
        "detail": letter.detail,
    }


def _moment(time_us: int) -> str:
    return text.moment(time_us).replace(" ", "T") + "Z"
