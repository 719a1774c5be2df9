"""`payments topic`: what is there, a topic with arrival times, and records as they arrive."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kafka.errors import TopicAlreadyExistsError, TopicAuthorizationFailedError

from operations import contract_decoder
from operations.errors import CannotCheck
from operations.runs import limits
from operations.topic import command, topics, watch
from operations.topic.topics import Admin
from payments import cli, exit_codes
from tests.support.payments import payload, record
from tests.support.traces import START_US
from transforms.codecs.contract import shipped
from transforms.codecs.contract.decoder import Decoder
from transforms.codecs.contract.document import document_of
from transforms.codecs.contract.load import load_file
from transforms.kafka.reader import NoTopic, OffsetRange
from transforms.payment import replay
from transforms.payment.transaction import ReplayOf

NATIVE = Decoder(shipped.native())
CLOUD = Decoder(load_file(shipped.path_of("cloudevents")))
SERVER = "--kafka_bootstrap_servers=broker:9092"


class Client:
    """In the place of kafka-python's admin client."""

    def __init__(self) -> None:
        self.times = {"payments": "LogAppendTime", "other": "CreateTime", "__offsets": "CreateTime"}
        self.made: list[Any] = []
        self.problem: Exception | None = None

    def list_topics(self) -> list[str]:
        if self.problem is not None:
            raise self.problem
        return list(self.times)

    def describe_configs(self, asked: Sequence[Any], config_filter: str) -> Any:
        return {
            "topic": {
                each.name: {"message.timestamp.type": {"value": self.times[each.name]}}
                for each in asked
            }
        }

    def create_topics(self, wanted: dict[str, Any], wait_for_metadata: bool) -> None:
        assert wait_for_metadata  # or who sends at once would be told that there is none
        if set(wanted) & set(self.times):
            raise TopicAlreadyExistsError
        self.made.append(wanted)

    def close(self) -> None: ...


class Reader:
    """A topic of two partitions; each time that it is asked, two more records are there."""

    def __init__(self) -> None:
        self.end = 10

    def ranges(self, names: Sequence[str]) -> list[OffsetRange]:
        if "missing" in names:
            raise NoTopic("topic 'missing' does not exist at broker:9092")
        self.end += 2
        return [OffsetRange(name, number, 5, self.end) for name in names for number in (0, 1)]

    def read(self, spans: Sequence[OffsetRange], skip_removed: bool) -> Iterator[list[Any]]:
        for span in spans:
            yield [message(span, offset) for offset in range(span.start, span.end)]


def message(span: OffsetRange, offset: int) -> Any:
    return SimpleNamespace(
        topic=span.topic,
        partition=span.partition,
        offset=offset,
        timestamp=START_US // 1_000,
        key=None,
        value=payload(transaction_id=f"tx-{offset}"),
        headers=[],
    )


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    found = Client()
    consumer = SimpleNamespace(close=lambda autocommit: None)
    monkeypatch.setattr(topics.kafka_client, "admin", lambda *arguments: found)
    monkeypatch.setattr(command.kafka_client, "consumer", lambda *arguments: consumer)
    monkeypatch.setattr(command.kafka_client, "KafkaReader", lambda *arguments: Reader())
    monkeypatch.setattr(watch.time, "sleep", lambda sec: None)
    return found


def test_list_tells_whose_times_the_records_carry(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["topic", "list", SERVER]) == exit_codes.WELL

    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[2:]] == [
        ["other", "2", "CreateTime", "14"],
        ["payments", "2", "LogAppendTime", "14"],
    ]


def test_no_topics_are_told(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    client.times = {"__offsets": "CreateTime"}

    assert cli.main(["topic", "list", SERVER]) == exit_codes.WELL
    assert capsys.readouterr().out == "Kafka at broker:9092 has no topic\n"


def test_topic_is_made_with_arrival_times(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["topic", "create", "mine", "--partitions=8", SERVER]

    assert cli.main([*arguments, "--dry_run"]) == exit_codes.WELL
    assert client.made == []
    assert cli.main(arguments) == exit_codes.WELL

    [made] = client.made
    configs = {"message.timestamp.type": "LogAppendTime"}
    assert made == {"mine": {"num_partitions": 8, "replication_factor": -1, "configs": configs}}
    assert "created topic mine, 8 partitions, LogAppendTime" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "code"), [("payments", exit_codes.WELL), ("other", exit_codes.FINDING)]
)
def test_topic_that_is_there_stays_and_its_times_are_told(
    name: str, code: int, client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["topic", "create", name, SERVER]) == code

    printed = capsys.readouterr()
    assert f"topic {name} is there, with {client.times[name]}" in printed.out
    assert ("producers' times" in printed.err) == bool(code)
    assert client.made == []


def test_topic_that_somebody_makes_meanwhile_is_no_error(client: Client) -> None:
    assert Admin(client).create("payments", 4, -1) is False
    assert Admin(client).create("new", 4, -1) is True


def test_times_that_we_may_not_know_are_none(client: Client) -> None:
    client.describe_configs = raises  # type: ignore[method-assign, assignment]

    assert Admin(client).times(["payments"]) == {}


def raises(*arguments: object, **more: object) -> None:
    raise TopicAuthorizationFailedError


def test_what_kafka_refuses_is_a_line(client: Client) -> None:
    client.problem = TopicAuthorizationFailedError("no")

    with (
        pytest.raises(CannotCheck, match="Kafka at broker:9092 refused: TopicAuthorizationFailed"),
        topics.connected("broker:9092", {}) as admin,
    ):
        admin.names()


def test_watch_shows_what_arrives_and_ends_after_a_count(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["topic", "watch", "mine", "--count=3", SERVER]) == exit_codes.WELL

    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["mine/0/12", "mine/0/13", "mine/1/12"]
    assert "tx-12  12.50 EUR  acc-1 → shop-1" in lines[0]


def test_watch_misses_no_record_and_repeats_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch.time, "sleep", lambda sec: None)
    reader: Any = Reader()
    stands = watch.begin(reader, ["mine"], last=1)

    with contextlib.closing(watch.records(reader, ["mine"], stands)) as found:
        first = [each for each in itertools.islice(found, 40) if each.partition == 0]

    assert [each.offset for each in first] == list(range(11, 11 + len(first)))


def test_watch_of_the_last_shows_them(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    topic = "--kafka_topics=mine"

    cli.main(["topic", "watch", topic, "--last=100", "--count=1", "--json", SERVER])

    found = json.loads(capsys.readouterr().out)
    assert (found["place"], found["transaction_id"]) == ("mine/0/5", "tx-5")


def test_topic_that_is_not_there_is_a_line(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["topic", "watch", "missing", SERVER]) == exit_codes.COULD_NOT_LOOK

    assert capsys.readouterr().err == "error: topic 'missing' does not exist at broker:9092\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["watch"], "which topic? Name one, or give --kafka_topics"),
        (["create", "a b"], "must be the name of a topic, got 'a b'"),
        (["create", "a", "--partitions=0"], "must be a whole number from 1 to 1000, got '0'"),
        (["watch", "a", "--count=0"], "must be a whole number from 1 to 1000000, got '0'"),
    ],
)
def test_mistakes_are_a_line(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        command.main([*arguments, SERVER])

    assert end.value.code == exit_codes.USAGE
    [line] = capsys.readouterr().err.splitlines()
    assert told in line


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (b"<payment/>", "?  10 bytes, not_json"),
        (None, "?  0 bytes, tombstone"),
        (payload(amount_minor="12"), "tx-1  "),
        (payload(currency="ZZZ"), "1250 minor units of ZZZ"),
        (payload(merchant_id="\x1b[2J"), "acc-1 → \\x1b[2J"),
        (payload(merchant_id="m" * 200), "m" * 63 + "…"),
    ],
)
def test_what_cannot_be_read_is_told_and_never_obeyed(value: bytes | None, told: str) -> None:
    line = watch.line(watch.seen(record(value), NATIVE))

    assert told in line
    assert line.isprintable()


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("captured", "/shop/eu#e-1  12.50 EUR  unknown → shop-9"),
        ("started", "/shop/eu#e-1  67 bytes, skipped by header:ce_type: else"),
    ],
)
def test_record_is_read_by_its_contract(kind: str, told: str) -> None:
    value = b'{"payee":"shop-9","kind":"PURCHASE","amount":12.5,"currency":"EUR"}'
    headers = (
        ("ce_type", f"com.example.payment.{kind}".encode()),
        ("ce_id", b"e-1"),
        ("ce_source", b"/shop/eu"),
        ("ce_time", b"2026-01-01T00:00:00Z"),
    )

    line = watch.line(watch.seen(record(value)._replace(headers=headers), CLOUD))

    assert told in line
    # Control: as our own JSON it says nothing.
    assert "missing_field" in watch.line(watch.seen(record(value), NATIVE))


def test_watch_asks_the_run_for_its_contract_and_a_flag_before_it(
    client: Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    def of_runs(dataset: str, *_: Any) -> Any:
        asked.append(dataset)
        return limits.Limits(0, 0, contract_document=document_of(CLOUD.contract))

    monkeypatch.setattr(limits, "of_runs", of_runs)
    flags = ["topic", "watch", "mine", "--count=1", SERVER, "--bigquery_dataset=shop.payments"]

    assert cli.main(flags) == exit_codes.WELL
    assert "skipped by" in capsys.readouterr().out
    assert cli.main([*flags, "--contract=native"]) == exit_codes.WELL
    assert "12.50 EUR" in capsys.readouterr().out
    assert asked == ["shop.payments"]
    assert cli.main([*flags, "--contract=nonesuch"]) == exit_codes.USAGE


def test_watch_tells_a_registry_that_is_away_in_a_line(
    client: Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(contract_decoder.decoder_of, "__defaults__", (0.0,))
    monkeypatch.setitem(globals(), "payload", lambda **_: b"\0\0\0\0\1x")
    text = shipped.path_of("confluent-avro").read_text()
    found = tmp_path / "c.yaml"
    found.write_text(re.sub("registry: .*", "registry: http://127.0.0.1:1", text))

    flags = ["topic", "watch", "mine", "--count=1", SERVER, f"--contract={found}"]
    assert cli.main(flags) == exit_codes.COULD_NOT_LOOK
    assert "error: schema registry http://127.0.0.1:1" in capsys.readouterr().err


def test_replay_is_shown_as_one() -> None:
    header = replay.encode(ReplayOf("payments", 2, 4711, START_US - 1))

    line = watch.line(watch.seen(record(payload())._replace(replay_header=header), NATIVE))

    assert line.endswith("sends payments/2/4711 again")
