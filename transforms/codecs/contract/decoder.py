"""Batches of records to payments, as a contract says; what DecodeTransaction calls."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from transforms.codecs import batch_decode
from transforms.codecs.contract import native, registry
from transforms.codecs.contract.by_column import ColumnReader
from transforms.codecs.contract.compiled import Reader, Skipped
from transforms.codecs.contract.language import Contract
from transforms.codecs.contract.registry_login import auth_of
from transforms.codecs.contract.schema_source import SchemaSource
from transforms.payment.dead_letter import Rejected
from transforms.payment.transaction import KafkaRecord, Transaction

# So few are faster one by one.
_FEW = 8
# What more JSON becomes does not fit the caches of a CPU: 500 records of 1.5 KB at once take half
# as long again as in such parts.
_JSON_BYTES = 100_000
_JSON_RECORDS_MIN = 32
# A batch with an invalid record is tried again in so many parts, as in batch_decode.
_PARTS = 8


class Decoded(NamedTuple):
    """What has become of each record of a batch; each is in one place.

    Attributes:
        records, transactions: payments, side by side, in their order.
        rejected: invalid ones, each with the reason.
        skipped: those that are not the payment, each with the rule that says so.
    """

    records: list[KafkaRecord]
    transactions: list[Transaction]
    rejected: list[tuple[KafkaRecord, Rejected]]
    skipped: list[tuple[KafkaRecord, str]]


class Decoder:
    """Decodes by a contract. Pickled as its contract and source: a worker compiles it anew."""

    def __init__(
        self,
        contract: Contract,
        schemas: SchemaSource | None = None,
        interpreted: bool = False,
    ) -> None:
        """Compiles a contract.

        Args:
            contract: a checked one.
            schemas: instead of the registry that the contract names.
            interpreted: reads our own JSON like any other, which is slower; for tests.
        """
        self.contract = contract
        self.schemas = schemas or source_of(contract)
        self._given = (contract, schemas, interpreted)
        self.reader = Reader(contract, self.schemas)
        self._columns = ColumnReader(self.reader, self.schemas)
        self._is_json = contract.format == "json"
        self._is_native = native.is_native(contract) and not interpreted

    def __reduce__(self) -> tuple[Callable[..., Decoder], tuple[object, ...]]:
        return _in_worker, self._given

    def decode(self, records: Sequence[KafkaRecord]) -> Decoded:
        """Returns what becomes of each record, before the rules that all payments keep.

        Raises:
            RegistryUnavailable: no record is judged, and the job ends.
        """
        if self._is_json and len(records) > (size := _json_at_once(records)):
            return self._in_parts(records, size)
        if self._is_native:
            return Decoded(*batch_decode.decode(records), [])
        if len(records) < _FEW:
            return self._one_by_one(records)
        found = self._columns.decode(records)
        if found is None:
            return self._in_parts(records, -(-len(records) // _PARTS))
        return Decoded(found.records, found.transactions, [], found.skipped)

    def _in_parts(self, records: Sequence[KafkaRecord], size: int) -> Decoded:
        parts = [self.decode(records[at : at + size]) for at in range(0, len(records), size)]
        return Decoded(*(list(itertools.chain(*each)) for each in zip(*parts, strict=True)))

    def _one_by_one(self, records: Sequence[KafkaRecord]) -> Decoded:
        decoded = Decoded([], [], [], [])
        enter, transaction_of = self.reader.enter, self.reader.transaction_of
        for record in records:
            try:
                scope = enter(record)
                if isinstance(scope, Skipped):
                    decoded.skipped.append((record, scope.rule))
                    continue
                transaction = transaction_of(scope)
            except Rejected as rejected:
                decoded.rejected.append((record, rejected))
                continue
            decoded.records.append(record)
            decoded.transactions.append(transaction)
        return decoded

    def id_of(self, record: KafkaRecord) -> str | None:
        """Returns the transaction_id of a record, be it a payment or not; None of one without.

        Raises:
            RegistryUnavailable: its schema could not be asked for; nothing is known of it.
        """
        if record.payload is None:
            return None
        try:
            scope = self.reader.decode(record, record.payload)
            self.reader.unwrap(scope)
            found: str = self.reader.readers["transaction_id"](scope)
        except Rejected:
            return None
        return found


def _in_worker(contract: Contract, schemas: SchemaSource | None, interpreted: bool) -> Decoder:
    """Returns a decoder where its records are; a login that is not there yet may come."""
    return Decoder(contract, schemas or _registry_of(contract, registry.PATIENCE_SEC), interpreted)


def _json_at_once(records: Sequence[KafkaRecord]) -> int:
    """Returns how many records to decode at once, as if all were as long as the first."""
    first = len(records[0].payload or b"") if records else 0
    return max(_JSON_RECORDS_MIN, _JSON_BYTES // (first + 1))


def source_of(
    contract: Contract, patience_sec: float = registry.PATIENCE_SEC
) -> SchemaSource | None:
    """Returns the registry that a contract names, None where it needs none.

    Args:
        contract: a checked one.
        patience_sec: for how long it is asked again when it gives no answer.

    Raises:
        AuthError: its credentials cannot be read.
    """
    if contract.schema.registry is not None and contract.schema.auth_file is not None:
        auth_of(Path(contract.schema.auth_file))
    return _registry_of(contract, patience_sec)


def _registry_of(contract: Contract, patience_sec: float) -> SchemaSource | None:
    schema = contract.schema
    if schema.registry is None:
        return None
    return registry.shared(schema.registry, schema.auth_file, patience_sec)
