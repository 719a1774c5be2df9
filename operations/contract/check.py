"""Counts what becomes of each record of a sample."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from operations.contract import why_skipped
from operations.contract.samples import Sample
from operations.contract.unmapped import Unmapped
from operations.errors import CannotCheck
from transforms.codecs.contract.compiled import Reader
from transforms.codecs.contract.decoder import Decoder
from transforms.codecs.contract.language import Extra
from transforms.codecs.contract.schema_source import RegistryUnavailable
from transforms.payment.dead_letter import Rejected
from transforms.payment.ends_job import without_mark
from transforms.payment.rules import Rules
from transforms.payment.transaction import KafkaRecord, Transaction

# Of these, ids and facts are looked at; more would fill the memory of a laptop.
_KEPT_MAX = 500_000
# Fields are counted in so many records.
_WALKED_MAX = 20_000


@dataclasses.dataclass
class Group:
    """Records of one reason, or of one rule.

    Attributes:
        count: how many.
        place, detail: of the first of them.
    """

    count: int
    place: str
    detail: str


@dataclasses.dataclass
class Tally:
    """What has become of the records so far."""

    unmapped: Unmapped
    accepted: int = 0
    transactions: list[Transaction] = dataclasses.field(default_factory=list)
    first_place: str = ""
    invalid: dict[str, Group] = dataclasses.field(default_factory=dict)
    skipped: dict[str, Group] = dataclasses.field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        """Returns how many records have each outcome."""
        return {
            "accepted": self.accepted,
            "invalid": sum(group.count for group in self.invalid.values()),
            "skipped": sum(group.count for group in self.skipped.values()),
        }

    @property
    def records(self) -> int:
        """Returns how many records there were."""
        return sum(self.counts.values())


def check(decoder: Decoder, samples: Iterable[Sample], rules: Rules) -> Tally:
    """Returns what becomes of the records.

    Raises:
        CannotCheck: the registry gives no answer.
    """
    tally = Tally(Unmapped(decoder.contract))
    walker = _walker(decoder)
    for sample in samples:
        try:
            _add(tally, decoder, walker, sample, rules)
        except RegistryUnavailable as error:
            raise CannotCheck(
                f"{without_mark(str(error))}; or give --schemas FOLDER with files ID.avsc"
            ) from None
    return tally


def _add(tally: Tally, decoder: Decoder, walker: Reader, sample: Sample, rules: Rules) -> None:
    # One by one: the job decodes in batches, with the same answers.
    decoded = decoder.decode([sample.record])
    for _, rejected in decoded.rejected:
        _count(tally.invalid, rejected.reason.value, sample, rejected.detail)
    for _, rule in decoded.skipped:
        is_first = rule not in tally.skipped
        told = why_skipped.told(decoder, sample.record, rule) if is_first else ""
        _count(tally.skipped, rule, sample, told)
    for transaction in decoded.transactions:
        try:
            rules.check(transaction)
        except Rejected as rejected:
            _count(tally.invalid, rejected.reason.value, sample, rejected.detail)
            continue
        if not tally.accepted:
            tally.first_place = sample.place
        tally.accepted += 1
        if len(tally.transactions) < _KEPT_MAX:
            tally.transactions.append(transaction)
        if tally.unmapped.records < _WALKED_MAX:
            tally.unmapped.add(_scope(walker, sample.record))


def _walker(decoder: Decoder) -> Reader:
    """Returns a reader that gives all of a record, where the decoder takes what it is asked for."""
    contract = decoder.contract
    if not contract.format.startswith(("avro", "protobuf")):
        return decoder.reader
    return Reader(dataclasses.replace(contract, extra=Extra("all", ())), decoder.schemas)


def _scope(walker: Reader, record: KafkaRecord) -> Any:
    """Returns a record that is a payment, unwrapped."""
    scope = walker.decode(record, record.payload or b"")
    for step in walker.steps:
        step(scope)
    return scope


def _count(groups: dict[str, Group], name: str, sample: Sample, detail: str) -> None:
    group = groups.get(name)
    if group is None:
        groups[name] = Group(1, sample.place, detail)
    else:
        group.count += 1
