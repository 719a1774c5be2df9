"""Many records at once: each step is taken for all of them before the next, as `compiled` says.

A list comprehension over one field costs a fraction of what calls for each record do. Every short
cut here is for values that are plain; a column that is not is read one by one, by the very
functions of `compiled`. Where one record is invalid there is no answer for any.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from transforms.codecs.contract import amounts, formats, plain_values
from transforms.codecs.contract.compiled import TOMBSTONE_RULE, Reader, Skipped, by_sign
from transforms.codecs.contract.language import Field, Keep, Path
from transforms.codecs.contract.paths import Scope, is_of_array
from transforms.codecs.contract.schema_source import SchemaSource
from transforms.payment.dead_letter import Rejected
from transforms.payment.transaction import KafkaRecord, Transaction, of_values

# What is not there is asked for one by one.
_NOT_THERE = (LookupError, TypeError, AttributeError)


class Batch:
    """Records that have been entered, and the object in each that holds the payment.

    Args:
        scopes: of the records; None where they have no layers, and are made when asked for.
        escaped: whether names in a payload may be written as escapes.
    """

    def __init__(
        self,
        records: Sequence[KafkaRecord],
        inners: Sequence[Any],
        scopes: Sequence[Scope] | None = None,
        is_text: bool = False,
        escaped: bool = True,
    ) -> None:
        self.records = records
        self.inners = inners
        self._scopes = scopes
        self._is_text = is_text
        self.escaped = escaped

    @functools.cached_property
    def scopes(self) -> Sequence[Scope]:
        """Returns what `compiled` reads from."""
        if self._scopes is not None:
            return self._scopes
        pairs = zip(self.records, self.inners, strict=True)
        if not self._is_text:
            return [Scope(record, inner) for record, inner in pairs]
        return [Scope(record, inner, record.payload, self.escaped) for record, inner in pairs]

    @property
    def raws(self) -> Sequence[Any]:
        """Returns the JSON of all objects that were read from JSON."""
        if self._scopes is not None:
            return [scope.raw for scope in self._scopes if scope.raw is not None]
        return [each.payload for each in self.records] if self._is_text else ()

    def only(self, places: Sequence[int]) -> Batch:
        """Returns the batch of some of the records."""
        scopes = None if self._scopes is None else [self._scopes[at] for at in places]
        records, inners = [self.records[at] for at in places], [self.inners[at] for at in places]
        return Batch(records, inners, scopes, self._is_text, self.escaped)


class Decoded(NamedTuple):
    """Payments beside their records, and what is skipped, each with its rule."""

    records: list[KafkaRecord]
    transactions: list[Transaction]
    skipped: list[tuple[KafkaRecord, str]]


ReadAll = Callable[[Batch], Sequence[Any]]
AskAll = Callable[[Batch], Sequence[str | None]]


class ColumnReader:
    """Reads batches by the functions of a Reader."""

    def __init__(self, reader: Reader, schemas: SchemaSource | None) -> None:
        contract = reader.contract
        self._reader = reader
        self._skips_tombstones = contract.tombstones == "skip"
        self._bytes_max = contract.payload_bytes_max
        self._is_text = contract.format == "json"
        self._read_all = None if reader.steps else formats.read_all_of(contract, schemas)
        keeps = zip(reader.keeps, reader.rules, strict=True)
        self._rules = [_rule(keep, rule) for keep, rule in keeps]
        fields = contract.fields
        self._constants = reader.constants
        self._columns = {
            name: _column(fields[name], read) for name, read in reader.varying if name != "amount"
        }
        self._amount = _amount(fields["amount"], reader.readers["amount"])

    def decode(self, records: Sequence[KafkaRecord]) -> Decoded | None:
        """Returns what becomes of the records, None when one of them needs a look of its own.

        Raises:
            RegistryUnavailable: no record is judged.
        """
        live = [each for each in records if each.payload is not None]
        if len(live) < len(records) and not self._skips_tombstones:
            return None
        if not live:
            return Decoded([], [], [(each, TOMBSTONE_RULE) for each in records])
        try:
            batch, rules = self._enter(live)
            kept = [at for at, rule in enumerate(rules) if rule is None]
            if len(kept) < len(rules):
                batch = batch.only(kept)
            transactions = self._transactions(batch) if kept else []
        except Rejected:
            return None
        skipped = _skipped(records, rules) if len(kept) < len(records) else []
        return Decoded(list(batch.records), transactions, skipped)

    def _enter(self, records: Sequence[KafkaRecord]) -> tuple[Batch, Sequence[str | None]]:
        if self._read_all is None:
            return self._enter_each(records)
        payloads: list[Any] = [each.payload for each in records]
        if max(map(len, payloads)) > self._bytes_max:
            return self._enter_each(records)
        found = self._read_all(payloads)
        if found is None or set(map(type, found[0])) != {dict}:
            return self._enter_each(records)
        batch = Batch(records, found[0], None, self._is_text, found[1])
        rules: Sequence[str | None] = [None] * len(records)
        for ask in self._rules:
            # The first rule that skips a record is its rule; the others may refuse it.
            places = [at for at, rule in enumerate(rules) if rule is None]
            if len(places) == len(rules):
                rules = ask(batch)
            elif places:
                answers = dict(zip(places, ask(batch.only(places)), strict=True))
                rules = [answers.get(at, rule) for at, rule in enumerate(rules)]
        return batch, rules

    def _enter_each(self, records: Sequence[KafkaRecord]) -> tuple[Batch, Sequence[str | None]]:
        entered = [self._reader.enter(each) for each in records]
        rules = [each.rule if isinstance(each, Skipped) else None for each in entered]
        inners = [None if isinstance(each, Skipped) else each.inner for each in entered]
        return Batch(records, inners, entered), rules  # type: ignore[arg-type]

    def _transactions(self, batch: Batch) -> list[Transaction]:
        records: Any = KafkaRecord._make(zip(*batch.records, strict=True))
        count = len(batch.records)
        if records.replay_header.count(None) != count:
            return [self._reader.transaction_of(scope) for scope in batch.scopes]
        columns: dict[str, Sequence[Any]] = {
            name: [const] * count for name, const in self._constants.items()
        }
        for name, read in self._columns.items():
            columns[name] = read(batch)
        columns["amount_minor"] = self._amount(batch, columns["currency"])
        self._by_sign(columns)
        columns["event_time_us"] = columns["event_time"]
        for name in ("topic", "partition", "offset", "broker_time_us"):
            columns[name] = getattr(records, name)
        if self._reader.keeps_extras:
            columns["extras"] = list(map(self._reader.extras, batch.scopes))
        fields = map(columns.__getitem__, Transaction._fields)
        return list(map(of_values, zip(*fields, strict=True)))

    def _by_sign(self, columns: dict[str, Sequence[Any]]) -> None:
        amount = self._reader.contract.fields["amount"].amount
        if amount.negative_is is None and amount.positive_is is None:
            return
        pairs = zip(columns["payment_type"], columns["amount_minor"], strict=True)
        said = [by_sign(kind, minor, amount) for kind, minor in pairs]
        columns["payment_type"], columns["amount_minor"] = zip(*said, strict=True)


def _skipped(
    records: Sequence[KafkaRecord], rules: Sequence[str | None]
) -> list[tuple[KafkaRecord, str]]:
    following = iter(rules)
    said = [TOMBSTONE_RULE if each.payload is None else next(following) for each in records]
    return [(each, rule) for each, rule in zip(records, said, strict=True) if rule is not None]


def _values_at(path: Path, optional: bool) -> Callable[[Batch], list[Any] | None] | None:
    """Returns the function that follows a path in all records, None for one that it cannot."""
    names = path.segments
    if path.origin != "inner" or not names or any(map(is_of_array, names)):
        return None
    *before, last = names
    steps = [itemgetter(name) for name in before]

    def values(batch: Batch) -> list[Any] | None:
        found: Any = batch.inners
        try:
            for step in steps:
                found = map(step, found)
            if optional:
                return [each.get(last) for each in found]
            return list(map(itemgetter(last), found))
        except _NOT_THERE:
            return None

    return values


def _column(field: Field, read: Callable[[Scope], Any]) -> ReadAll:
    plain = plain_values.of_field(field)
    values = _values_at(field.paths[0], field.optional) if len(field.paths) == 1 else None

    def read_all(batch: Batch) -> Sequence[Any]:
        if plain is not None and values is not None:
            said = values(batch)
            found = None if said is None else plain(said)
            if found is not None:
                return found
        return [read(scope) for scope in batch.scopes]

    return read_all


def _rule(keep: Keep, rule: Callable[[Scope], str | None]) -> AskAll:
    values = _values_at(keep.at, optional=False)
    # Of texts alone: True is 1 to a set.
    kept = frozenset(each for each in keep.keep if isinstance(each, str))

    def ask(batch: Batch) -> Sequence[str | None]:
        said = None if values is None else values(batch)
        if said is not None and set(map(type, said)) == {str} and kept.issuperset(said):
            return [None] * len(said)
        return [rule(scope) for scope in batch.scopes]

    return ask


def _amount(
    field: Field, read: Callable[[Scope], Any]
) -> Callable[[Batch, Sequence[str]], Sequence[int]]:
    amount = field.amount
    plain = plain_values.of_amount(field)
    values = _values_at(field.paths[0], optional=False)

    def read_all(batch: Batch, currencies: Sequence[str]) -> Sequence[int]:
        if plain is not None and values is not None:
            said = values(batch)
            found = None if said is None else plain(said, currencies, batch.raws, batch.escaped)
            if found is not None:
                return found
        pairs = zip(batch.scopes, currencies, strict=True)
        return [amounts.to_minor(read(scope), amount, currency) for scope, currency in pairs]

    return read_all
