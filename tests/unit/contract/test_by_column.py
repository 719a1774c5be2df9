"""Many records at once: the very answers that each gets alone, good ones and spoiled ones mixed."""

from __future__ import annotations

import base64
import io
import json
import random
from collections.abc import Callable
from typing import Any

import fastavro
import pytest

from simulator.contracts import find
from simulator.generate import Payment
from tests.fuzz.contracts import spoil
from tests.support.contract_records import Record
from tests.support.contracts import contract, payload, schemas_of
from transforms.codecs.contract import plain_values, shipped
from transforms.codecs.contract.decoder import Decoded, Decoder
from transforms.codecs.contract.schema_source import KnownSchemas, WriterSchema
from transforms.payment.transaction import KafkaRecord

ARRIVAL_US = 1_800_000_000_123_000
CURRENCIES = ["EUR", "JPY", "KWD"]


def records_of(name: str, count: int, rng: random.Random) -> list[KafkaRecord]:
    encoder = find.encoder_at_hand(find.Named(name))
    found = []
    for offset in range(count):
        payment = Payment(
            *(f"tx-{rng.randrange(10**9)}", f"acc-{rng.randrange(99)}", "shop-1", "purchase"),
            *(rng.choice((rng.randrange(1, 10**6), 10**14 + 1)), rng.choice(CURRENCIES), ""),
            *(rng.choice(("DE", None)), rng.choice(("dev-1", None))),
        )
        _, written = encoder.encode(payment, 1_700_000_000_000_000 + rng.randrange(10**12))
        found.append(
            Record(
                offset=offset,
                broker_time_us=ARRIVAL_US,
                key=written.key,
                payload=written.payload,
                headers=written.headers,
            )
        )
    return found


def told(decoded: Decoded) -> list[Any]:
    rejected = [(each.offset, why.reason, why.detail) for each, why in decoded.rejected]
    accepted = list(zip(decoded.records, decoded.transactions, strict=True))
    return [accepted, rejected, decoded.skipped]


def decoder_of(name: str) -> Decoder:
    encoder = find.encoder_at_hand(find.Named(name))
    return Decoder(encoder.contract, schemas_of(name), interpreted=True)


def assert_same(decoder: Decoder, records: list[KafkaRecord]) -> Decoded:
    together = decoder.decode(records)
    assert told(together) == told(decoder._one_by_one(records))
    return together


@pytest.mark.parametrize("name", shipped.NAMES)
def test_good_records_are_read_together(name: str) -> None:
    records = records_of(name, 120, random.Random(1))
    decoder = decoder_of(name)

    assert len(assert_same(decoder, records).transactions) == 120
    assert decoder._columns.decode(records) is not None


@pytest.mark.parametrize("name", shipped.NAMES)
@pytest.mark.parametrize("share", [0.01, 0.2])
def test_spoiled_ones_among_them_get_their_own_answers(name: str, share: float) -> None:
    rng = random.Random(2)
    decoder = decoder_of(name)
    rejected = 0
    for _ in range(4):
        records = records_of(name, 150, rng)
        records = [spoil(rng, each) if rng.random() < share else each for each in records]
        rejected += len(assert_same(decoder, records).rejected)

    assert rejected


def test_control_a_wrong_column_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(field: Any) -> Any:
        return lambda values, currencies, raws, escaped: [each + 1 for each in values]

    monkeypatch.setattr(plain_values, "of_amount", broken)
    with pytest.raises(AssertionError):
        assert_same(decoder_of("stripe"), records_of("stripe", 20, random.Random(1)))


SAID = contract(
    fields={
        "amount": {"at": "amount", "as": "decimal_number"},
        "payment_type": {"at": "kind", "absent": "purchase"},
    },
    keep=[
        {"at": "state", "in": ["paid", True], "skip": ["open", 1], "else": "skip"},
        {"at": "live", "in": [True], "skip": [False]},
    ],
    tombstones="skip",
)
AMOUNTS = [12, 12.5, 12.50, 0.1 + 0.2, 1e22, 1e-3, -0.0, -7.25, 10**15, True, None, "1", 999.99]
SPELLED = [b"12.5000000000000000001", b"1e400", b"1E2", b"123456789012345.67", b"-0.00"]
OTHERS: list[Any] = ["paid", "open", True, 1, 1.0, None, "new", ["paid"], {"a": 1}]
NAMES = [b"a\\u0062c", b"caf\\u00e9", b"say \\u0022amount\\u0022: 3", b"\\u0061mount", b"x\\/y"]
REPEATED = [b"state", b"payer", b"n\\u0022"]
NO_OBJECTS = [None, b"[]", b"7", b"", b"\xff", b"{},", b"[" * 300 + b"]" * 300]
VALUES = [..., None, 5, "x", "2026-02-30T00:00:00Z", "2026-11-23T08:15:30+01:00"]
FIELDS = ["id", "payer", "payee", "currency", "time", "kind"]


def said(**changes: Any) -> bytes:
    return payload(**{"state": "paid", "live": True, "amount": 12.5, "note": "NOTE", **changes})


ODD: list[Callable[[random.Random], bytes | None]] = [
    lambda rng: said(amount=rng.choice(AMOUNTS)),
    lambda rng: said(amount=rng.randrange(10**6) / rng.choice((1, 10, 100, 1000))),
    lambda rng: said().replace(b"12.5", rng.choice(SPELLED)),
    lambda rng: said(state=rng.choice(OTHERS)),
    lambda rng: said(live=rng.choice(OTHERS)),
    lambda rng: said().replace(b"NOTE", rng.choice(NAMES)),
    lambda rng: said().replace(b'"note"', b'"%s"' % rng.choice(NAMES + REPEATED)),
    lambda rng: rng.choice(NO_OBJECTS),
    lambda rng: said(**{rng.choice(FIELDS): rng.choice(VALUES)}),
]
REPLAY = b'{"topic":"t","partition":0,"offset":1,"original_time_us":5}'


def odd_record(rng: random.Random, offset: int) -> KafkaRecord:
    make = rng.choice(ODD) if rng.random() < 0.2 else lambda rng: said()
    header = REPLAY if rng.random() < 0.01 else None
    return Record(offset=offset, broker_time_us=ARRIVAL_US, payload=make(rng), replay_header=header)


@pytest.mark.parametrize("seed", range(3))
def test_odd_values_get_the_same_answers(seed: int) -> None:
    rng, decoder = random.Random(seed), Decoder(SAID)
    together = [0, 0]
    for _ in range(60):
        records = [odd_record(rng, offset) for offset in range(rng.choice((9, 12, 101)))]
        assert_same(decoder, records)
        together[decoder._columns.decode(records[:9]) is not None] += 1

    assert min(together) > 10, together


def test_doubles_of_avro_within_json_have_no_text_to_be_looked_up_in() -> None:
    names = ("id", "payer", "payee", "currency", "time")
    fields = [*({"name": each, "type": "string"} for each in names)]
    schema = {"type": "record", "name": "P", "fields": [*fields, {"name": "x", "type": "double"}]}
    file = io.BytesIO()
    written = {**json.loads(payload()), "x": 12.5}
    fastavro.schemaless_writer(file, fastavro.parse_schema(schema), written)
    body = base64.b64encode(b"\0\0\0\0\1" + file.getvalue()).decode()
    said = contract(
        unwrap=[{"at": "body", "as": "avro_registry_bytes"}],
        schema={"registry": "http://x"},
        fields={"amount": {"at": "x", "as": "decimal_number"}},
    )
    known = KnownSchemas({1: WriterSchema(json.dumps(schema))})
    records = [Record(offset=at, payload=payload(body=body)) for at in range(20)]

    decoded = assert_same(Decoder(said, known), records)

    assert {each.amount_minor for each in decoded.transactions} == {1250}
