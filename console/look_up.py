"""Finds out what became of one payment, or of one record, as `payments trace` does."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import datetime as dt
from typing import Any

from console.places import Places
from operations.errors import CannotCheck, OperatorError
from operations.trace import flags, tables_side, text, topic_side
from operations.trace.found import Asked
from operations.trace.trace import Tracer

_DAYS = 7
_RECORDS_MAX = 100_000


@dataclasses.dataclass(frozen=True)
class Answer:
    """What was found.

    Attributes:
        document: what `payments trace --json` prints; None when there is a problem.
    """

    asked: str
    document: dict[str, Any] | None = None
    problem: str | None = None


def look_up(places: Places, asked: str) -> Answer:
    """Returns the answer; a mistake in what was asked is part of it."""
    try:
        target = flags.target(asked)
        since = dt.datetime.now(dt.UTC) - dt.timedelta(days=_DAYS)
        question = Asked(
            target, places.topics.names, int(since.timestamp()) * 1_000_000, _RECORDS_MAX
        )
        tables = tables_side.TablesSide(places.dataset)
        with contextlib.ExitStack() as stack:
            try:
                topic = stack.enter_context(topic_side.connected(places.topics))
            except CannotCheck as error:  # the tables may tell all the same
                return Answer(
                    asked, text.document(Tracer(tables, None, str(error)).trace(question))
                )
            return Answer(asked, text.document(Tracer(tables, topic).trace(question)))
    except argparse.ArgumentTypeError as error:
        return Answer(asked, problem=f"cannot look that up: {error}")
    except OperatorError as error:
        return Answer(asked, problem=str(error))
