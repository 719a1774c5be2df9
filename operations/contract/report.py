"""The answer of `payments contract check`, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tabulate import tabulate

from operations.contract.check import Tally
from transforms.codecs import wire_format
from transforms.codecs.contract import extra_columns
from transforms.codecs.contract.fingerprint import fingerprint
from transforms.codecs.contract.language import Contract
from transforms.codecs.contract.trace import Step
from transforms.payment.rules import amount_of

# docs/decisions/0009: what is remembered of an id.
BYTES_PER_ID = 40
_SHOWN_FIELDS = 20
_LINEAGE = ("topic", "partition", "offset", "broker_time_us", "replay_of", "event_time_us")


def document(
    contract: Contract, tally: Tally, questions: Sequence[str], rate_per_min: int
) -> dict[str, Any]:
    """Returns all that was found."""
    return {
        "contract": contract.name,
        "means": contract.means,
        "fingerprint": fingerprint(contract),
        "records": tally.records,
        "outcomes": tally.counts,
        "invalid": {name: vars(group) for name, group in tally.invalid.items()},
        "skipped": {name: vars(group) for name, group in tally.skipped.items()},
        "first_payment": payment(tally) if tally.transactions else None,
        "unmapped": dict(tally.unmapped.most()),
        "questions": list(questions),
        "state_bytes_per_hour": state_bytes(rate_per_min, _share(tally)),
    }


def payment(tally: Tally) -> dict[str, Any]:
    """Returns the first payment as people read it."""
    transaction = tally.transactions[0]
    said = {k: v for k, v in transaction._asdict().items() if k not in _LINEAGE}
    said["amount"] = f"{amount_of(transaction.amount_minor, transaction.currency):f}"
    said["event_time"] = wire_format.event_time_text(transaction.event_time_us)
    del said["extras"]
    if transaction.extras is not None:
        columns = extra_columns.columns_of(tally.unmapped.contract)
        cells = extra_columns.unpacked(transaction.extras)
        said |= {column.name: cell for column, cell in zip(columns, cells, strict=True)}
    return said


def _share(tally: Tally) -> float:
    """Returns how many records in one are payments, which take a place in state."""
    return tally.accepted / tally.records if tally.records else 0.0


def state_bytes(rate_per_min: int, share: float = 1.0) -> int:
    """Returns what the ids of an hour take."""
    return round(rate_per_min * 60 * BYTES_PER_ID * share)


def text(contract: Contract, tally: Tally, questions: Sequence[str], rate_per_min: int) -> str:
    """Returns the same for a person."""
    parts = [_head(contract, tally)]
    if tally.invalid:
        groups = tally.invalid.items()
        rows = [(name, each.count, each.place, each.detail[:160]) for name, each in groups]
        parts.append("invalid:\n" + _table(rows))
    if tally.skipped:
        skipped = tally.skipped.items()
        rows = [(name, each.count, each.place, each.detail) for name, each in skipped]
        parts.append("skipped:\n" + _table(rows))
    if tally.transactions:
        listed = _table(payment(tally).items())
        parts.append(f"first payment ({tally.first_place}):\n{listed}")
        parts.append(_unmapped(tally))
    if questions:
        parts.append("look at this:\n" + "\n".join(f"  {each}" for each in questions))
    parts.append(_state(tally, rate_per_min))
    return "\n\n".join(part for part in parts if part)


def _head(contract: Contract, tally: Tally) -> str:
    counts = " ".join(f"{name}={count}" for name, count in tally.counts.items())
    return (
        f"contract {contract.name} ({fingerprint(contract)[:12]}): {contract.means.strip()}\n"
        f"records={tally.records} {counts}"
    )


def _unmapped(tally: Tally) -> str:
    fields = tally.unmapped.most()
    if not fields:
        return ""
    rows = [(name, f"{count} of {tally.unmapped.records}") for name, count in fields]
    more = f"\n  … and {len(rows) - _SHOWN_FIELDS} more" if len(rows) > _SHOWN_FIELDS else ""
    listed = _table(rows[:_SHOWN_FIELDS])
    return f"fields that nobody maps:\n{listed}{more}"


def _table(rows: Iterable[Sequence[Any]]) -> str:
    """Returns rows under a heading: indented, each column as wide as it must be."""
    plain = tabulate(list(rows), tablefmt="plain", disable_numparse=True)
    return "\n".join(f"  {line}" for line in plain.splitlines())


def _state(tally: Tally, rate_per_min: int) -> str:
    share = _share(tally)
    taken = state_bytes(rate_per_min, share) / 1e6
    return (
        f"state: {rate_per_min} records a minute, {share:.0%} of them payments, take "
        f"{taken:.1f} MB for each hour that ids are remembered ({BYTES_PER_ID} bytes an id)"
    )


def steps_text(steps: Sequence[Step]) -> str:
    """Returns the way of a record for a person."""
    return tabulate([tuple(step) for step in steps], headers=Step._fields, disable_numparse=True)
