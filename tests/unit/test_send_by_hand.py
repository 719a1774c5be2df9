"""`payments send`: one payment as it is wanted, its place, and how it must end."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from payments import cli, exit_codes
from simulator import by_hand, produce
from simulator.by_hand import Wanted, planned
from simulator.invalid import KINDS
from simulator.produce import ProduceError
from simulator.send import Send
from transforms.codecs import wire_format
from transforms.payment.outcome import Outcome
from transforms.payment.transaction import KafkaRecord, Transaction, facts_of

SERVER = "--kafka_bootstrap_servers=broker:9092"
NOW_US = 1_767_225_600_000_000
MINE = {"transaction_id": "tx-mine"}


class Kafka:
    """A producer that acknowledges at once; `refuses` is what it answers instead."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.refuses: Exception | None = None

    def partitions_for(self, topic: str) -> set[int]:
        return {0, 1, 2, 3}

    def send(self, topic: str, payload: bytes, key: bytes, partition: int, **more: Any) -> Any:
        self.sent.append(payload)
        value = SimpleNamespace(offset=len(self.sent) + 99)
        return SimpleNamespace(is_done=True, exception=self.refuses, value=value)

    def close(self, timeout: float) -> None: ...


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> Kafka:
    found = Kafka()
    monkeypatch.setattr(produce, "connect", lambda servers, connection: found)
    return found


def decoded(send: Send) -> Transaction:
    return wire_format.decode(KafkaRecord("payments", 0, 1, NOW_US, send.key, send.payload))


def one(**changes: Any) -> Send:
    [send] = planned(Wanted(**{"count": 1, "fields": {}, **changes}), 4, NOW_US)
    return send


def test_place_and_the_command_to_follow_it_are_printed(
    kafka: Kafka, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["send", SERVER, "--id=tx-mine", "--amount=12.50", "--currency=EUR"]

    assert cli.main(arguments) == exit_codes.WELL

    printed = capsys.readouterr()
    place, _, rest = printed.out.partition("  ")
    assert place.startswith("payments/") and place.endswith("/100")
    assert rest == "tx-mine  12.50 EUR  must be accepted, unless its id is known\n"
    assert printed.err == f"follow it: payments trace {place}\n"


def test_document_is_json(kafka: Kafka, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["send", SERVER, "--broken", "--count=2", "--json"]) == exit_codes.WELL

    documents = json.loads(capsys.readouterr().out)
    assert [(each["expected"], each["reason"]) for each in documents] == [
        ("invalid", "unknown_currency")
    ] * 2


def test_an_id_sent_again_is_a_copy_whenever_it_is_sent() -> None:
    first, again = decoded(one(fields=MINE)), decoded(one(fields=MINE, age_sec=5))

    assert facts_of(first) == facts_of(again)
    assert first.event_time_us - again.event_time_us == 5_000_000


def test_control_what_is_asked_for_contradicts() -> None:
    first, other = one(fields=MINE), one(fields=MINE | {"amount_minor": 1})

    assert facts_of(decoded(first)) != facts_of(decoded(other))


def test_without_an_id_each_has_its_own() -> None:
    sends = [*planned(Wanted(3, {}), 4, NOW_US), *planned(Wanted(3, {}), 4, NOW_US)]

    assert len({each.facts.transaction_id for each in sends}) == 6


def test_with_an_id_all_are_copies() -> None:
    sends = list(planned(Wanted(3, MINE), 4, NOW_US))

    assert len({facts_of(decoded(each)) for each in sends}) == 1
    assert len({(each.key, each.partition) for each in sends}) == 1


@pytest.mark.parametrize(
    ("age_sec", "expected"),
    [
        (3_600, Outcome.ACCEPTED),
        (3_601, Outcome.LATE),
        (-300, Outcome.ACCEPTED),
        (-301, Outcome.INVALID),
    ],
)
def test_age_decides_how_it_must_end(age_sec: int, expected: Outcome) -> None:
    send = one(age_sec=age_sec)

    assert send.expected is expected
    assert decoded(send).event_time_us == NOW_US - age_sec * 1_000_000


@pytest.mark.parametrize("kind", KINDS)
def test_every_way_of_being_broken_can_be_asked_for(kind: str) -> None:
    send = one(broken=kind)

    assert send.expected is Outcome.INVALID and send.reason is not None


def test_hostile_ids_do_not_command_the_terminal(
    kafka: Kafka, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.main(["send", SERVER, "--id=\x1b[2J"])

    assert "\x1b" not in capsys.readouterr().out


def test_what_is_refused_is_told(kafka: Kafka, capsys: pytest.CaptureFixture[str]) -> None:
    kafka.refuses = ProduceError("too large")

    assert cli.main(["send", SERVER]) == exit_codes.FINDING

    printed = capsys.readouterr()
    assert printed.out == ""
    [line] = printed.err.splitlines()
    assert line.startswith("error: record 0 (none, ") and "too large" in line


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--count=0"], "--count must be from 1 to 10000, got 0"),
        (["--amount=1"], "--amount needs --currency"),
        (["--amount=1.234", "--currency=EUR"], "at most 2 digits behind the point for EUR"),
        (["--amount=-1", "--currency=EUR"], "--amount must be above 0"),
        (["--amount=nan", "--currency=EUR"], "--amount must be above 0"),
        (["--amount=inf", "--currency=EUR"], "--amount must be above 0"),
        (["--amount=1e99", "--currency=EUR"], "--amount must be above 0"),
        (["--amount=x", "--currency=EUR"], "--amount must be above 0"),
        (["--currency=EURO"], "--currency must be a code of ISO 4217, got 'EURO'"),
        (["--broken=nothing"], "--broken must be one of"),
        (["--age=99999999999"], "--age must be at most"),
        (["--kafka_topics=a,b"], "must name one topic"),
    ],
)
def test_mistakes_are_a_line(
    flags: list[str], told: str, kafka: Kafka, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        by_hand.main([SERVER, *flags])

    assert end.value.code == exit_codes.USAGE
    [line] = capsys.readouterr().err.splitlines()
    assert told in line
    assert kafka.sent == []


def test_amounts_are_exact_in_every_currency(kafka: Kafka) -> None:
    for amount, currency in (("0.125", "KWD"), ("3600", "JPY"), ("0.10", "EUR")):
        cli.main(["send", SERVER, f"--amount={amount}", f"--currency={currency}"])

    assert [json.loads(each)["amount_minor"] for each in kafka.sent] == [125, 3600, 10]
