"""Shows dead letters as text that cannot talk to the terminal."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Sequence

from tabulate import tabulate

from operations.dead_letters.chain import Link
from operations.dead_letters.letters import Stored, name_of, place_of, replay_of
from operations.dead_letters.send import Result
from transforms.payment.dead_letter import DeadLetter, Reason

_DETAIL_CHARS = 60


def listing(found: Sequence[Stored]) -> str:
    """Returns one line for each dead letter."""
    lines = [
        (
            name_of(place_of(letter)),
            moment(letter.broker_time_us),
            letter.reason,
            _short(visible(letter.detail)),
            ", ".join(f"{name_of(fate.place)}: {fate.outcome.value}" for fate in fates) or "no",
        )
        for letter, fates in found
    ]
    headers = ("place", "arrival (UTC)", "reason", "detail", "sent again")
    return tabulate(lines, headers=headers, disable_numparse=True)


def page(letter: DeadLetter, chain: Sequence[Link]) -> str:
    """Returns all that is known of a dead letter."""
    size = "null" if letter.payload is None else f"{len(letter.payload)} bytes"
    facts = {
        "place": name_of(place_of(letter)),
        "arrival": f"{moment(letter.broker_time_us)} UTC",
        "judged by": f"{moment(replay_of(letter).original_time_us)} UTC, the first arrival",
        "reason": letter.reason,
        "detail": visible(letter.detail),
        "step": letter.step,
        "key": content(letter.key),
        "headers": visible(letter.headers or "none kept"),
        "payload": size,
    }
    if letter.reason == Reason.REFUSED_BY_BIGQUERY.value:
        facts["payload"] += ": the refused row; the record's own bytes are in Kafka"
    links = [
        (
            f"{name_of(link.place)}{' *' if link.place == place_of(letter) else ''}",
            "-" if link.broker_time_us is None else moment(link.broker_time_us),
            link.end,
        )
        for link in chain
    ]
    return "\n\n".join(
        (
            tabulate(facts.items(), tablefmt="plain", disable_numparse=True),
            content(letter.payload),
            tabulate(links, headers=("chain", "arrival (UTC)", "end"), disable_numparse=True),
        )
    )


def results(done: Sequence[Result]) -> str:
    """Returns one line for each letter of a send, and a count of each end."""
    lines = [
        (name_of(each.place), visible(each.transaction_id or "-"), each.done, visible(each.detail))
        for each in done
    ]
    return tabulate(
        lines, headers=("place", "transaction_id", "result", "detail"), disable_numparse=True
    )


def summary(done: Sequence[Result]) -> str:
    """Returns the last line: how many ended how."""
    ends = [each.done for each in done]
    return ", ".join(f"{ends.count(end)} {end}" for end in dict.fromkeys(ends)) or "nothing to send"


def moment(time_us: int) -> str:
    """Returns a time in UTC, to the millisecond, which is what Kafka knows."""
    at = dt.datetime.fromtimestamp(time_us // 1_000_000, dt.UTC)
    return f"{at:%Y-%m-%d %H:%M:%S}.{time_us // 1_000 % 1_000:03d}"


def content(data: bytes | None) -> str:
    """Returns bytes as text where they are text, else in base64."""
    if data is None:
        return "null"
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = "\0"
    if all(char.isprintable() or char in "\n\t" for char in text):
        return text
    return f"base64:{base64.b64encode(data).decode()}"


def visible(text: str) -> str:
    """Returns the text with what would move a cursor or change a colour written out."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def _short(text: str) -> str:
    return text if len(text) <= _DETAIL_CHARS else f"{text[: _DETAIL_CHARS - 1]}…"
