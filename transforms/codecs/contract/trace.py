"""The way of one record through a contract, step by step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

from transforms.codecs.contract import columns, formats
from transforms.codecs.contract.compiled import Reader, Skipped
from transforms.codecs.contract.decoder import Decoder
from transforms.codecs.contract.paths import MISSING, Scope, getter
from transforms.payment.dead_letter import Rejected
from transforms.payment.rules import Rules

_SHOWN_CHARS = 100


class Step(NamedTuple):
    """One step.

    Attributes:
        stage: decode, keep, unwrap, field, column, extra, rules or outcome.
        what: which of them.
        found: what lay there.
        result: what it became, or why not.
    """

    stage: str
    what: str
    found: str
    result: str


def explain(decoder: Decoder, record: Any, rules: Rules) -> list[Step]:
    """Returns the steps, the last of which is the outcome.

    Raises:
        RegistryUnavailable: the schema of the record could not be asked for.
    """
    steps: list[Step] = []
    try:
        for step in _steps(decoder, record, rules):
            steps.append(step)
    except Rejected as rejected:
        reason = rejected.reason.value
        steps.append(Step("outcome", "invalid", reason, rejected.detail))
    return steps


def _steps(decoder: Decoder, record: Any, rules: Rules) -> Iterator[Step]:
    reader = decoder.reader
    contract = reader.contract
    if record.payload is None:
        reader.tombstone()
        yield Step("outcome", "skipped", "tombstone", "tombstones: skip")
        return
    reader.check_size(record.payload)
    scope = reader.decode(record, record.payload)
    yield Step("decode", contract.format, f"{len(record.payload)} bytes", shown(scope.inner))
    before = reader.rules_before
    skipped = yield from _keeps(reader, scope, 0, before)
    if skipped is None:
        for unwrap, take_off in zip(contract.unwrap, reader.steps, strict=True):
            take_off(scope)
            yield Step("unwrap", unwrap.at.text, unwrap.kind, shown(scope.inner))
        formats.require_object(scope, "")
        skipped = yield from _keeps(reader, scope, before, len(reader.rules))
    if skipped is not None:
        yield Step("outcome", "skipped", skipped.rule, "")
        return
    yield from _payment(reader, scope, rules)


def _keeps(reader: Reader, scope: Scope, begin: int, end: int) -> Any:
    for place in range(begin, end):
        keep = reader.keeps[place]
        found = shown(getter(keep.at)(scope))
        rule = reader.rules[place](scope)
        yield Step("keep", keep.at.text, found, "go on" if rule is None else f"skip ({rule})")
        if rule is not None:
            return Skipped(rule)
    return None


def _payment(reader: Reader, scope: Scope, rules: Rules) -> Iterator[Step]:
    values = {}
    for name, read in reader.readers.items():
        field = reader.contract.fields[name]
        raw = [shown(getter(path)(scope)) for path in field.all_paths] or ["const"]
        source = (" | " if field.otherwise else " + ").join(p.text for p in field.all_paths)
        values[name] = read(scope)
        yield Step(f"field {name}", source, ", ".join(raw), shown(values[name]))
    transaction = reader.payment_of(scope)
    minor = f"{transaction.amount_minor} minor units of {transaction.currency}"
    yield Step("amount", "digits and sign", shown(values["amount"]), minor)
    for column, read in zip(reader.contract.columns, reader.columns, strict=True):
        yield Step("column", column.name, column.type, str(read(scope))[:_SHOWN_CHARS])
    if reader.extra is not None:
        yield Step("extra", "", "", reader.extra(scope)[:_SHOWN_CHARS])
    rules.check(transaction)
    yield Step("outcome", "accepted", transaction.transaction_id, "")


def shown(value: Any) -> str:
    """Returns a value for a human, cut to a line."""
    if value is MISSING:
        return "absent"
    try:
        text = orjson.dumps(value, default=columns.plain).decode()
    except orjson.JSONEncodeError:
        text = repr(value)
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"
