"""Writes what was found: lines for a person, and a document for programs."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Iterator
from typing import Any

from tabulate import tabulate

from operations.reconcile.truth import Place
from operations.trace.found import State, Trace, Waiting
from operations.trace.row import FACTS, Difference, Row, moment_of, name_of
from operations.trace.topic_side import Held
from transforms.codecs import wire_format
from transforms.payment.dead_letter import Rejected
from transforms.payment.outcome import Outcome
from transforms.payment.rules import MINOR_DIGITS
from transforms.payment.transaction import DEFAULT_FACTS, facts_of

_HEADERS = ("record", "arrived (UTC)", "outcome", "id", "amount", "what")
_WAITS = {
    State.WAITS_FOR_CHECKPOINT: "waits for a checkpoint: in Kafka, in no table yet",
    State.WAITS_FOR_JOB: "waits for a job: in Kafka, in no table, and no run that reads its topic "
    "holds the tables",
    State.PASSED_OVER: "passed over: in no table, and these hold what came ten minutes after it",
}


def lines(found: Trace) -> Iterator[str]:
    """Yields what a person reads."""
    yield f"{_target(found)}: {sentence(found)}"
    table = [*map(_waiting_cells(found), found.waiting), *map(_row_cells(found), found.rows)]
    if table:
        table.sort(key=lambda cells: cells[1])
        yield ""
        align = ("left", "left", "left", "left", "right", "left")
        yield tabulate(table, headers=_HEADERS, colalign=align, disable_numparse=True)
        yield ""
    for total in found.totals:
        payments = "payment" if total.payment_count == 1 else "payments"
        yield (
            f"minute {total.minute:%Y-%m-%d %H:%M} UTC: {total.payment_count} {payments}, "
            f"{_money(total.amount, total.currency)} in all"
            + (f", {total.corrections} corrections" if total.corrections else "")
        )
    for raised in found.indicators:
        yield f"indicator {raised.indicator}, raised by {name_of(raised.place)}"
    yield from notes(found)


def sentence(found: Trace) -> str:
    """Returns the answer in a sentence."""
    place = found.asked.target
    if found.state is State.COUNTED:
        return _counted(found)
    if found.state in _WAITS:
        holder = f"; {found.holder.describe()}, holds the tables" if found.holder else ""
        hint = ""
        if found.state is State.PASSED_OVER:
            hint = ". Hint: `payments reconcile` tells what else is missing"
        return f"{_WAITS[found.state]}{holder}{hint}"
    if found.state is State.NOT_ASKED:
        return "in no table; whether Kafka has it is not known"
    if found.looked is None or isinstance(place, str):
        return f"unknown: in no table since {_since(found)}, and not in what waits in Kafka"
    return _held(found, place)


def _held(found: Trace, place: Place) -> str:
    assert found.looked is not None
    held, _, start, end = found.looked
    name = f"{place.topic}[{place.partition}]"
    return {
        Held.NOTHING: "no record: Kafka has this offset, and it is a marker of a transaction, or "
        "an aborted or compacted record",
        Held.UNCOMMITTED: f"not committed: {name} is held back by an open transaction. Hint: "
        "`payments health` names it",
        Held.REMOVED: f"removed by retention: {name} begins at {start}; in no table since "
        f"{_since(found)}. Hint: a greater --days, if it arrived before",
        Held.BEYOND: f"beyond what the topic holds: {name} ends at {end}",
        Held.NO_PARTITION: f"unknown: {place.topic} has {end} partitions, numbered from 0",
        Held.NO_TOPIC: f"unknown: there is no topic {place.topic!r}",
    }[held]


def _counted(found: Trace) -> str:
    numbers = {
        outcome: sum(row.outcome is outcome for row in found.rows)
        for outcome in Outcome
        if any(row.outcome is outcome for row in found.rows)
    }
    counted = ", ".join(f"{number} {outcome.value}" for outcome, number in numbers.items())
    waits = f", {len(found.waiting)} not counted yet" if found.waiting else ""
    if isinstance(found.asked.target, str):
        return f"{counted}{waits}"
    own = [row.outcome.value for row in found.rows if row.place == found.asked.target]
    return f"{' and '.join(own)}; with its copies and replays: {counted}{waits}"


def what(row: Row, found: Trace) -> str:
    """Returns what a record copies, contradicts, was rejected for, or sends again."""
    said = []
    if row.outcome is Outcome.INVALID:
        said.append(f"{row.cells['reason']}: {row.cells['detail']}")
    if row.first is not None:
        said.append(_beside(row, found.accepted(row), row.first))
    if row.replay_of is not None:
        said.append(f"sends {name_of(row.replay_of)} again")
    again = [name_of(each.place) for each in found.rows if each.replay_of == row.place]
    if again:
        said.append(f"sent again as {', '.join(again)}")
    return "; ".join(said)


def _beside(row: Row, accepted: Row | None, first: Place) -> str:
    verb = "contradicts" if row.outcome is Outcome.CONFLICT else "copies"
    if accepted is None:
        return f"{verb} {name_of(first)}, which was not found"
    differences = row.differences(accepted)
    if not differences:
        return f"{verb} {name_of(first)}: {', '.join(FACTS)} agree"
    return f"{verb} {name_of(first)} in {_told(differences)}"


def _told(differences: list[Difference]) -> str:
    return ", ".join(map(str, differences))


def _row_cells(found: Trace) -> Any:
    def cells(row: Row) -> tuple[str, ...]:
        amount = row.cells["amount"]
        return (
            name_of(row.place),
            _moment(row.arrived_at),
            row.outcome.value,
            _printable(row.transaction_id),
            "" if amount is None else _money(amount, row.cells["currency"]),
            what(row, found),
        )

    return cells


def _waiting_cells(found: Trace) -> Any:
    def cells(waiting: Waiting) -> tuple[str, ...]:
        record = waiting.record
        return (
            name_of(waiting.place),
            _moment(moment_of(record.broker_time_us)),
            waiting.state.value.replace("_", " "),
            "",
            "",
            expected(waiting, found),
        )

    return cells


def expected(waiting: Waiting, found: Trace) -> str:
    """Returns how a record that waits stands to the accepted one of its id, as far as is known."""
    try:
        payment = wire_format.decode(waiting.record)
    except Rejected:
        return ""  # a contract of its own may say how it is read
    accepted = found.accepted_of(payment.transaction_id)
    if accepted is None:
        return ""
    facts = dict(zip(DEFAULT_FACTS, facts_of(payment), strict=True))
    differences = [
        Difference(fact, facts[fact], accepted.cells[fact])
        for fact in FACTS
        if facts[fact] != accepted.cells[fact]
    ]
    if not differences:
        return f"has the id and the facts of {name_of(accepted.place)}"
    return f"has the id of {name_of(accepted.place)}, and differs in {_told(differences)}"


def notes(found: Trace) -> Iterator[str]:
    """Yields what a reader should know besides."""
    places = [row.place for row in found.rows]
    for place in sorted({place for place in places if places.count(place) > 1}):
        yield f"note: {name_of(place)} has more than one row. Hint: `payments tables check`"
    if found.kafka_problem is not None:
        yield f"note: Kafka was not asked what waits: {found.kafka_problem}"
    if found.left_out:
        yield (
            f"note: {found.left_out} older records that the tables may not have were not looked "
            "at. Hint: a greater --records_max"
        )


def document(found: Trace) -> dict[str, Any]:
    """Returns what programs read."""
    target = found.asked.target
    return {
        "asked": target if isinstance(target, str) else name_of(target),
        "state": found.state.value,
        "found": found.state.found,
        "said": sentence(found),
        "since": _since(found),
        "records": [_row_document(row, found) for row in found.rows],
        "waiting": [
            {
                "place": name_of(each.place),
                "arrived_at": _moment(moment_of(each.record.broker_time_us)),
                "state": each.state.value,
                "said": expected(each, found),
            }
            for each in found.waiting
        ],
        "totals": [
            {name: _plain(value) for name, value in total._asdict().items()}
            for total in found.totals
        ],
        "indicators": [
            {"indicator": each.indicator, "place": name_of(each.place)} for each in found.indicators
        ],
        "notes": list(notes(found)),
    }


def _row_document(row: Row, found: Trace) -> dict[str, Any]:
    accepted = found.accepted(row)
    cells = {
        name: _plain(value)
        for name, value in row.cells.items()
        if value is not None and not isinstance(value, bytes)
    }
    return {
        "place": name_of(row.place),
        "outcome": row.outcome.value,
        "first": row.first and name_of(row.first),
        "differs_in": [each._asdict() for each in row.differences(accepted)] if accepted else None,
        "replay_of": row.replay_of and name_of(row.replay_of),
        "columns": cells,
    }


def _money(amount: decimal.Decimal, currency: str) -> str:
    # BigQuery drops the zeros at the end of a NUMERIC.
    return f"{amount:.{MINOR_DIGITS.get(currency, 0)}f} {currency}"


def _plain(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return _moment(value)
    return f"{value:f}" if isinstance(value, decimal.Decimal) else value


def _target(found: Trace) -> str:
    target = found.asked.target
    return target if isinstance(target, str) else name_of(target)


def _since(found: Trace) -> str:
    return _moment(moment_of(found.asked.since_us))


def _moment(moment: dt.datetime) -> str:
    return f"{moment.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3]


def _printable(text: str | None) -> str:
    # Of a dead letter, an id may be anything: a terminal must not obey it.
    return "" if text is None else text if text.isprintable() else ascii(text)
