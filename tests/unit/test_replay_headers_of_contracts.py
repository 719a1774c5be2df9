"""Dead letters of contracts that read headers: kept, judged, edited and sent with them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from apache_beam.pvalue import TaggedOutput

from operations.dead_letters import commands, fields
from operations.dead_letters.candidate import Candidate, Known
from operations.dead_letters.folder import Folder
from operations.dead_letters.letters import Counted, place_of
from operations.dead_letters.producer import ReplayProducer
from operations.dead_letters.verdict import Judge, Refusal, problem_of
from operations.errors import UsageError
from operations.reconcile.truth import Limits, Place
from tests.support.payments import SECOND_US, START_US
from transforms.codecs.contract import shipped
from transforms.codecs.contract.decoder import Decoder
from transforms.codecs.contract.language import Contract
from transforms.codecs.contract.load import load_file
from transforms.decode_transaction import _DecodeFn
from transforms.payment import kept_headers, replay
from transforms.payment.dead_letter import KEPT_BYTES_MAX, DeadLetter, Reason, Rejected
from transforms.payment.transaction import Headers, KafkaRecord, PaymentFacts

CONTRACT = load_file(shipped.path_of("cloudevents"))
LIMITS = Limits(contract=CONTRACT)
NOW_US = START_US + 60 * SECOND_US
HEADERS: Headers = (
    ("ce_id", b"e-1"),
    ("ce_source", b"/shop/eu"),
    ("ce_time", b"2026-01-01T00:00:00Z"),
    ("ce_type", b"com.example.payment.captured"),
)
VALUE = {"payer": "alice@example.com", "payee": "shop/9", "kind": "PURCHASE", "amount": 12.5}


def letter(headers: Headers = HEADERS, **changes: Any) -> DeadLetter:
    payload = orjson.dumps({**VALUE, "currency": "EURO", **changes})
    record = KafkaRecord("payments", 2, 4711, START_US, b"key", payload, None, headers)
    rejected = Rejected(Reason.UNKNOWN_CURRENCY, "detail")
    return DeadLetter.of(record, rejected, "step", with_headers=True)


def stored(wrong: DeadLetter) -> Candidate:
    [candidate] = commands.as_stored([wrong], None, CONTRACT.headers)
    return candidate


@pytest.mark.parametrize(
    "headers",
    [
        (),
        HEADERS,
        (("a", None), ("a", b""), ("a", b"\xff\x00"), ("\u00e9", "\u2028".encode())),
    ],
)
def test_headers_come_back_as_they_were(headers: Headers) -> None:
    assert kept_headers.unpacked(kept_headers.packed(headers)) == headers


@pytest.mark.parametrize(
    "text", ["{}", "[1]", '[{"name": 1, "value": "x"}]', '[{"name": "x"}]', "[", '[["a", "b"]]']
)
def test_what_is_no_headers_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        kept_headers.unpacked(text)


def test_letter_keeps_none_unless_the_contract_asks() -> None:
    record = KafkaRecord("payments", 2, 4711, START_US, b"key", b"{", None, ())
    rejected = Rejected(Reason.NOT_JSON, "detail")

    assert DeadLetter.of(record, rejected, "step").headers is None
    assert DeadLetter.of(record, rejected, "step", with_headers=True).headers == "[]"


def test_headers_that_are_too_long_are_left_to_kafka() -> None:
    huge = letter((("ce_id", b"x" * KEPT_BYTES_MAX),))

    assert huge.headers is None
    assert "headers" in huge.detail
    assert huge.holds_record() and not huge.holds_record(with_headers=True)
    with pytest.raises(UsageError, match="kafka_bootstrap_servers"):
        stored(huge)


def test_letter_is_judged_with_its_headers() -> None:
    corrected = stored(letter(currency="EUR"))

    assert corrected.headers == HEADERS
    assert problem_of(corrected, LIMITS, NOW_US) is None
    # Control: without them it is no payment, or none that can be told from others.
    problem = problem_of(corrected._replace(headers=HEADERS[1:]), LIMITS, NOW_US)
    assert problem is not None and "ce_id" in problem.detail
    untyped = Judge(LIMITS).judge(corrected._replace(headers=HEADERS[:-1]), Known(), NOW_US)
    assert "will be skipped" in untyped.detail


def test_id_that_is_in_the_headers_is_never_counted_again() -> None:
    known = Known(
        counted={
            "/shop/eu#e-1": Counted(
                Place("payments", 0, 9), PaymentFacts(1250, "EUR", "alice@example.com", "shop/9")
            )
        }
    )
    again, other = stored(letter(currency="EUR")), stored(letter((("ce_id", b"e-2"), *HEADERS[1:])))

    verdict = Judge(LIMITS).judge(again, known, NOW_US)
    assert verdict.refusal is Refusal.ALREADY_COUNTED
    assert "same facts" in verdict.detail
    # Also of what is sent only because of --even_invalid, and of no other id.
    invalid = stored(letter())
    judge = Judge(LIMITS, even_invalid=True)
    assert judge.judge(invalid, known, NOW_US).refusal is Refusal.ALREADY_COUNTED
    assert judge.judge(other, known, NOW_US).refusal is None


def test_headers_are_edited_and_come_back(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.write([stored(letter())])
    [sheet] = folder.sheets()
    assert sheet.headers == HEADERS

    folder.set_headers(sheet, fields.changed_headers(sheet.headers, [("header:ce_id", "e-9")]))

    [changed] = folder.sheets()
    assert changed == sheet._replace(headers=(("ce_id", b"e-9"), *HEADERS[1:]))
    assert folder.payload(changed) == letter().payload


def test_headers_that_somebody_broke_are_told(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.write([stored(letter())])
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_text(re.sub(r'"headers":\[.*?\]', '"headers":"ce_id"', manifest.read_text()))

    with pytest.raises(UsageError, match="headers must be an array"):
        folder.sheets()


@pytest.mark.parametrize(
    ("setting", "wanted"),
    [
        ("header:ce_id=e-9", (("ce_id", b"e-9"), *HEADERS[1:])),
        ("header:ce_id=7", (("ce_id", b"7"), *HEADERS[1:])),
        ("header:ce_id=null", (("ce_id", None), *HEADERS[1:])),
        ("header:more=x", (*HEADERS, ("more", b"x"))),
        ("currency=EUR", HEADERS),
    ],
)
def test_setting_of_a_header(setting: str, wanted: Headers) -> None:
    assert fields.changed_headers(HEADERS, [fields.setting(setting)]) == wanted


def test_header_that_stands_twice_stands_once_when_it_is_set() -> None:
    twice: Headers = (("ce_id", b"a"), ("x", b"1"), ("ce_id", b"b"))

    assert fields.changed_headers(twice, [("header:ce_id", "c")]) == (("ce_id", b"c"), ("x", b"1"))


def test_header_is_no_field_of_the_payload() -> None:
    assert fields.changed(b'{"a":1}', [("header:ce_id", "c")]) == b'{"a":1}'


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("data.object.currency", b'{"data": {"object": {"currency": "EUR"}, "n": 1.50}, "a.b": 1}'),
        ("a.b", b'{"data": {"object": {"currency": "X"}, "n": 1.50}, "a.b": "EUR"}'),
        ("data.n", b'{"data": {"object": {"currency": "X"}, "n": "EUR"}, "a.b": 1}'),
    ],
)
def test_field_of_a_field_is_set_and_nothing_else(path: str, wanted: bytes) -> None:
    payload = b'{"data": {"object": {"currency": "X"}, "n": 1.50}, "a.b": 1}'

    assert fields.changed(payload, [(path, "EUR")]) == wanted


class _Kafka:
    def __init__(self) -> None:
        self.headers: list[tuple[str, bytes | None]] = []

    def send(self, *_: Any, headers: list[tuple[str, bytes | None]], **__: Any) -> None:
        self.headers = headers


def test_what_is_sent_again_carries_the_same_headers() -> None:
    kafka, forged = _Kafka(), (replay.HEADER, b"{}")
    candidate = stored(letter())

    ReplayProducer(kafka).put(candidate._replace(headers=(*HEADERS, forged)), "payments")  # type: ignore[arg-type]

    *own, (name, value) = kafka.headers
    assert tuple(own) == HEADERS
    assert name == replay.HEADER
    assert value is not None and orjson.loads(value)["offset"] == place_of(candidate.letter).offset


@pytest.mark.parametrize(
    ("contract", "kept"),
    [(CONTRACT, kept_headers.packed(HEADERS)), (shipped.native(), None)],
)
def test_job_keeps_the_headers_that_its_contract_asks_for(
    contract: Contract, kept: str | None
) -> None:
    broken = KafkaRecord("payments", 0, 1, START_US, None, b"{", None, HEADERS)
    unruly = broken._replace(payload=orjson.dumps({**VALUE, "currency": "EURO"}))
    step = _DecodeFn(Decoder(contract), contract.rules(300 * SECOND_US))

    [found] = step.process([broken, unruly])

    assert isinstance(found, TaggedOutput)
    assert [each.headers for each in found.value] == [kept, kept]
