"""Finds out what became of one payment, or of one record, as `payments trace` does."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import datetime as dt
from typing import Any

from console.places import Places
from operations.contract_decoder import decoder_of
from operations.errors import CannotCheck, OperatorError
from operations.runs import limits
from operations.trace import flags, tables_side, text, topic_side
from operations.trace.found import Asked
from operations.trace.trace import Tracer
from transforms.codecs.contract.language import Contract

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
        decoder = decoder_of(_contract(places))
        with contextlib.ExitStack() as stack:
            try:
                topic = stack.enter_context(topic_side.connected(places.topics))
            except CannotCheck as error:  # the tables may tell all the same
                tracer = Tracer(tables, None, str(error), decoder)
                return Answer(asked, text.document(tracer.trace(question)))
            tracer = Tracer(tables, topic, decoder=decoder)
            return Answer(asked, text.document(tracer.trace(question)))
    except argparse.ArgumentTypeError as error:
        return Answer(asked, problem=f"cannot look that up: {error}")
    except OperatorError as error:
        return Answer(asked, problem=str(error))


def _contract(places: Places) -> Contract:
    """Returns what the newest run took the bytes of a record for."""
    endpoint = places.dataset.endpoint
    return limits.of_runs(places.tables, endpoint, None, None, lambda _: None).contract
