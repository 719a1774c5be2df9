"""The vocabulary of contracts, version 1, as data.

Everything here is plain and may be pickled: a worker gets a contract, never a file.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

from transforms.payment.arrival import LOG_APPEND
from transforms.payment.rules import PAYMENT_TYPES, Rules

VERSION = 1

FORMATS = {
    "json": "UTF-8 JSON text",
    "json_registry": "JSON behind Confluent's five bytes (magic 0, id of the schema)",
    "avro": "bare Avro, by the schema of a file",
    "avro_registry": "Avro behind Confluent's five bytes, by the writer's schema of a registry",
    "protobuf": "bare Protobuf, by a descriptor set",
    "protobuf_registry": "Protobuf behind Confluent's frame, by its schema or a descriptor set",
}
UNWRAPS = {
    "object": "the object at this path",
    "json_text": "a text that holds JSON",
    "base64_json": "base64 of JSON, standard or URL-safe, padded or not",
    "data_uri_json": "a data: URI that holds JSON",
    "avro_bytes": "bytes of bare Avro, by `schema: {file: …}`",
    "avro_registry_bytes": "bytes of Confluent-framed Avro, by the contract's registry",
    "single": "the one item of an array; more are refused",
}

# Fields of a payment, in the order in which they are read, and whether one must be said.
REQUIRED = (
    "transaction_id",
    "account_id",
    "merchant_id",
    "payment_type",
    "amount",
    "currency",
    "event_time",
)
OPTIONAL = ("country", "device_id")
FIELDS = (*REQUIRED, *OPTIONAL)
NULLABLE = ("account_id", "country", "device_id")
IDS = ("transaction_id", "account_id", "merchant_id", "device_id")
FACTS = ("amount", "currency", "account_id", "merchant_id", "payment_type", "country", "device_id")
FACTS_ALWAYS = ("amount", "currency")
DEFAULT_FACTS = ("amount", "currency", "account_id", "merchant_id")

TEXT_KINDS = {
    "text": "a text",
    "id": "a text or a whole number",
    "iso_numeric": "an ISO 4217 number such as 978, for currency",
}
AMOUNT_KINDS = {
    "minor_integer": "a whole number of minor units",
    "minor_text": "a text of digits, minor units",
    "decimal_text": "a text such as 12.50, major units",
    "decimal_number": "a number such as 12.5, major units, at most 15 digits",
    "decimal": "either of the two",
    "connect_decimal": "Kafka Connect's Decimal: base64 or bytes, with `scale`",
    "variable_scale": "Debezium's struct of scale and value",
    "avro_decimal": "Avro's decimal, with the scale of the writer's schema",
    "units_nanos": "google.type.Money: units and nanos",
}
TIME_KINDS = {
    "rfc3339": "2026-11-23T08:15:30.250Z, any offset",
    "rfc3339_utc": "the same in UTC only, at most microseconds",
    "iso_local": "2026-11-23 08:15:30 without an offset, with `zone`",
    "pattern": "a text that `pattern` describes, with `zone` unless it has %z",
    "date": "2026-11-23, the start of the day in `zone`",
    "epoch_s": "seconds since 1970",
    "epoch_ms": "milliseconds since 1970",
    "epoch_us": "microseconds since 1970",
    "epoch_ns": "nanoseconds since 1970, cut to microseconds",
    "epoch_days": "days since 1970, the start of the day in `zone`",
    "seconds_nanos": "an object of seconds and nanos, as JSON has Protobuf's, Firestore's, Java's",
    "parts": "[2026, 11, 23, 8, 15, 30, nanos], or an object of year, month, day …, with `zone`",
    "timestamp": "a time by its schema: Avro's timestamps, google.protobuf.Timestamp",
}
LOCAL_KINDS = ("iso_local", "date", "epoch_days", "parts")
# Of these the start of a day is all that is said.
DAY_KINDS = ("date", "epoch_days")
COLUMN_TYPES = ("STRING", "INT64", "BOOL", "FLOAT64", "NUMERIC", "TIMESTAMP")

DIGITS_MAX = 30
# Digits of minor units where a source deviates from ISO 4217; None is not known, and is refused.
DIGITS_OF: Mapping[str, Mapping[str, int | None]] = {
    "iso": {},
    "stripe": {"ISK": 2, "UGX": 2, "MGA": 0},
    "adyen": {"CLP": 2, "CVE": 0, "ISK": 2, "IDR": None},
    "sumup": {"HUF": 0, "COP": 0},
}


class Path(NamedTuple):
    """Where a value lies.

    Attributes:
        text: as it stands in the contract.
        origin: inner (the payment), outer (before unwrap), key, header or kafka.
        segments: names and indexes from there on; the name of a header or of a Kafka field.
    """

    text: str
    origin: str
    segments: tuple[str, ...]


class Unwrap(NamedTuple):
    """One layer to be taken off."""

    at: Path
    kind: str
    schema: bytes | None = None  # of avro_bytes


class Keep(NamedTuple):
    """Which values of a state make a record a payment, and which do not."""

    at: Path
    name: str
    keep: tuple[object, ...]
    skip: tuple[object, ...]
    otherwise: str  # skip, keep or reject


@dataclasses.dataclass(frozen=True)
class Amount:
    """How an amount is written.

    Attributes:
        digits: of minor units; None is ISO 4217.
        digits_at: where the record itself says them.
        scale: of connect_decimal; None: in the schema beside the payload.
        negative_is, positive_is: payment type of an amount of this sign; None: refused, as said.
    """

    digits: int | Mapping[str, int | None] | None = None
    digits_at: Path | None = None
    scale: int | None = None
    decimal_mark: str = "."
    negative_is: str | None = None
    positive_is: str | None = None


@dataclasses.dataclass(frozen=True)
class Time:
    """How a time is written."""

    zone: str | None = None
    ambiguous: str = "reject"  # of an hour that a clock shows twice: earlier, later, reject
    pattern: str | None = None


@dataclasses.dataclass(frozen=True)
class Field:
    """Where a field of a payment comes from.

    Attributes:
        paths: one, several that are joined, or none for a constant.
        optional: whether the record may be without it; `absent` is taken then.
        before, after: the part of the text before, or after, the first of this text.
        names: what a text of the record means.
        otherwise: where it comes from when there is nothing at the path: the next of `first_of`.
    """

    name: str
    paths: tuple[Path, ...]
    kind: str
    line: int
    separator: str = ":"
    const: str | None = None
    optional: bool = False
    absent: str | None = None
    before: str | None = None
    after: str | None = None
    case: str | None = None
    names: Mapping[str, str] | None = None
    amount: Amount = Amount()
    time: Time = Time()
    otherwise: tuple[Field, ...] = ()

    @property
    def all_paths(self) -> tuple[Path, ...]:
        """Returns every path that it asks: of its digits and of what comes otherwise, too."""
        digits = (self.amount.digits_at,) if self.amount.digits_at else ()
        return (*self.paths, *digits, *(p for each in self.otherwise for p in each.all_paths))


class Column(NamedTuple):
    """An extra column."""

    name: str
    type: str
    field: Field


class Extra(NamedTuple):
    """The rest of a record, as JSON text in one column."""

    column: str
    without: tuple[tuple[str, ...], ...]


@dataclasses.dataclass(frozen=True)
class Schema:
    """Where schemas come from: a registry, or the content of a file."""

    registry: str | None = None
    auth_file: str | None = None
    content: bytes | None = None
    message: str | None = None


@dataclasses.dataclass(frozen=True)
class Contract:
    """A checked contract.

    Attributes:
        text: the YAML that it was read from.
        files: what the files hold that it names.
    """

    name: str
    means: str
    format: str
    fields: Mapping[str, Field]
    topics: tuple[str, ...] = ()
    schema: Schema = Schema()
    unwrap: tuple[Unwrap, ...] = ()
    tombstones: str = "reject"
    keep: tuple[Keep, ...] = ()
    facts: tuple[str, ...] = DEFAULT_FACTS
    payment_types: frozenset[str] = PAYMENT_TYPES
    columns: tuple[Column, ...] = ()
    extra: Extra | None = None
    arrival: str = LOG_APPEND
    ids: str = "ascii"
    payload_bytes_max: int = 65_536
    text: str = ""
    files: Mapping[str, bytes] = dataclasses.field(default_factory=dict)

    def rules(self, clock_skew_us: int) -> Rules:
        """Returns the rules that its payments must keep.

        Args:
            clock_skew_us: how far a producer's clock may be ahead, microseconds.
        """
        return Rules(clock_skew_us, self.ids, self.payment_types)

    @property
    def skips(self) -> bool:
        """Returns whether some records are read and are no payments."""
        rules = any(keep.skip or keep.otherwise == "skip" for keep in self.keep)
        return rules or self.tombstones == "skip"

    @property
    def fact_names(self) -> tuple[str, ...]:
        """Returns the fields of Transaction that make a copy a conflict, in one order."""
        return tuple("amount_minor" if name == "amount" else name for name in self.facts)

    @property
    def headers(self) -> tuple[str, ...]:
        """Returns the names of the headers that a reader must carry along."""
        named = {path.segments[0] for path in self.paths() if path.origin == "header"}
        return tuple(sorted(named))

    def paths(self) -> list[Path]:
        """Returns every path of the contract."""
        fields = [*self.fields.values(), *(column.field for column in self.columns)]
        paths = [each.at for each in self.unwrap] + [each.at for each in self.keep]
        return paths + [path for field in fields for path in field.all_paths]
