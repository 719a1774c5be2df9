"""What may a flag of the tools hold? Types for argparse, each with a message of its own."""

from __future__ import annotations

import argparse
import datetime as dt
import re

_HOST_PORT = re.compile(r"[^\s:,]+:\d{1,5}")
_DATASET = re.compile(r"([a-z0-9.:-]+)\.([A-Za-z0-9_]+)")
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")  # Kafka's own rule; what SQL may quote as it is

_AGO = re.compile(r"(\d{1,6})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def host_port(text: str) -> str:
    """Returns host:port."""
    if not _HOST_PORT.fullmatch(text):
        raise argparse.ArgumentTypeError(f"must be host:port, got {text!r}")
    return text


def servers(text: str) -> str:
    """Returns host:port, comma-separated."""
    return ",".join(host_port(server) for server in text.split(","))


def topics(text: str) -> tuple[str, ...]:
    """Returns comma-separated topics, each once."""
    names = tuple(topic.strip() for topic in text.split(","))
    if len(set(names)) != len(names) or not all(map(_TOPIC.fullmatch, names)):
        raise argparse.ArgumentTypeError(f"must name each topic once, got {text!r}")
    return names


def topic(text: str) -> str:
    """Returns one topic."""
    if not _TOPIC.fullmatch(text):
        raise argparse.ArgumentTypeError(f"must be the name of a topic, got {text!r}")
    return text


def dataset(text: str) -> tuple[str, str]:
    """Returns project and dataset."""
    match = _DATASET.fullmatch(text)
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
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be a whole number of seconds, got {text!r}")
    return int(text)
