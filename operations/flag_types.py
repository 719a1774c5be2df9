"""Types of the tools' flags for argparse, each with a message of its own."""

from __future__ import annotations

import argparse
import datetime as dt
import math
import re
from collections.abc import Callable
from typing import TypeVar

from operations import flag_ranges
from transforms import addresses
from transforms.payment.number_limits import TOPICS_MAX

T = TypeVar("T")
# A project may belong to a domain (example.com:project); legacy SQL has a colon before the dataset.
_DATASET = re.compile(r"((?:[a-z0-9.-]+:)?[a-z0-9-]+)[.:]([A-Za-z0-9_]{1,1024})")
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")  # Kafka's own rule; what SQL may quote as it is

_SECONDS_MAX = 31_622_400  # a year
_AGO = re.compile(r"(\d{1,6})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def host_port(text: str) -> str:
    """Returns host:port, as it was given but for blanks around it."""
    _told(addresses.host_and_port, text)
    return text.strip()


def servers(text: str) -> str:
    """Returns host:port, comma-separated; blanks and empty places are dropped, as Kafka does."""
    return ",".join(_told(addresses.servers, text))


def _told(kind: Callable[[str], T], text: str) -> T:
    try:
        return kind(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def topics(text: str) -> tuple[str, ...]:
    """Returns comma-separated topics, each once."""
    names = tuple(topic.strip() for topic in text.split(","))
    if len(set(names)) != len(names) or not all(map(_is_topic, names)):
        raise argparse.ArgumentTypeError(f"must name each topic once, got {text!r}")
    if len(names) > TOPICS_MAX:
        raise argparse.ArgumentTypeError(f"must be at most {TOPICS_MAX} topics, got {len(names)}")
    return names


def topic(text: str) -> str:
    """Returns one topic."""
    if not _is_topic(text):
        raise argparse.ArgumentTypeError(f"must be the name of a topic, got {text!r}")
    return text


def _is_topic(text: str) -> bool:
    return _TOPIC.fullmatch(text) is not None and text not in (".", "..")


def dataset(text: str) -> tuple[str, str]:
    """Returns project and dataset."""
    match = _DATASET.fullmatch(text.strip())
    if not match:
        raise argparse.ArgumentTypeError(f"must be PROJECT.DATASET, got {text!r}")
    return match.group(1), match.group(2)


def moment(text: str) -> dt.datetime:
    """Returns a moment: a time, UTC without a zone, or so many minutes, hours or days ago."""
    try:
        if match := _AGO.fullmatch(text):
            return dt.datetime.now(dt.UTC) - dt.timedelta(**{_UNITS[match[2]]: int(match[1])})
        found = dt.datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(
            f"must be a time such as 2026-11-23T08:15Z, or 2h, got {text!r}"
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)


def seconds(text: str) -> int:
    """Returns whole seconds."""
    if not text.isdecimal() or int(text) > _SECONDS_MAX:
        raise argparse.ArgumentTypeError(
            f"must be a whole number of seconds up to {_SECONDS_MAX}, got {text!r}"
        )
    return int(text)


def pause(text: str) -> int:
    """Returns whole seconds between two looks: at least one."""
    value = seconds(text)
    if not value:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {text!r}")
    return value


def limit(text: str) -> float:
    """Returns a number from 0 that figures are compared with; `inf` is no limit."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not value >= 0:
        raise argparse.ArgumentTypeError(f"must be a number from 0, got {text!r}")
    return value


def in_range_of(flag: str) -> Callable[[str], int]:
    """Returns the type of a flag that the job has too (operations/flag_ranges.py)."""

    def value(text: str) -> int:
        if not text.isdecimal():
            raise argparse.ArgumentTypeError(f"must be a whole number, got {text!r}")
        problem = flag_ranges.problem(flag, int(text))
        if problem:
            raise argparse.ArgumentTypeError(problem.removeprefix(flag).strip())
        return int(text)

    return value
