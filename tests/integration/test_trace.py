"""One payment followed on real parts: sent by hand, counted, contradicted, sent again, removed."""

from __future__ import annotations

import dataclasses
import json
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient
from kafka.structs import TopicPartition

from harness.e2e_run import E2ERun
from operations import bigquery_client
from operations.dead_letters import command as dead_letters
from operations.dead_letters.letters import place_named
from operations.tables import bigquery_views, sql_files
from operations.tables import command as tables
from operations.topic import command as topic
from operations.trace import command as trace
from payments import exit_codes
from sandbox import sql
from sandbox.endpoints import kafka_flags
from simulator import by_hand

pytestmark = pytest.mark.integration

WAIT_SEC = 150
WAITS = "waits_for_checkpoint"


@dataclasses.dataclass
class Desk:
    """Where someone asks: the commands, and what they answered."""

    e2e_run: E2ERun
    capsys: pytest.CaptureFixture[str]

    @property
    def tables(self) -> list[str]:
        where = f"--bigquery_dataset=sandbox.{self.e2e_run.name}"
        return [where, f"--bigquery_endpoint={self.e2e_run.endpoints['bigquery']}"]

    @property
    def kafka(self) -> list[str]:
        return [*kafka_flags(self.e2e_run.endpoints), f"--kafka_topics={self.e2e_run.topic}"]

    def send(self, *flags: str) -> str:
        """Returns the place of what was sent."""
        self.capsys.readouterr()
        assert by_hand.main([*self.kafka, "--json", *flags]) == exit_codes.WELL
        [sent] = json.loads(self.capsys.readouterr().out)
        return str(sent["place"])

    def trace(self, target: str, code: int = exit_codes.WELL) -> dict[str, Any]:
        self.capsys.readouterr()
        found = trace.main([target, *self.kafka, *self.tables, "--json"])
        printed = self.capsys.readouterr()
        assert found == code, printed
        answer: dict[str, Any] = json.loads(printed.out)
        return answer

    def counted(self, target: str, records: int) -> list[dict[str, Any]]:
        """Waits until so many records are in tables; returns them in the order of arrival."""
        deadline = time.monotonic() + WAIT_SEC
        while len(found := self.trace(target)["records"]) < records:
            assert time.monotonic() < deadline, found
            time.sleep(1)
        return list(found)

    def dead_letters(self, *arguments: str) -> None:
        flags = [*self.tables, *kafka_flags(self.e2e_run.endpoints)]
        assert dead_letters.main([*arguments, *flags]) == exit_codes.WELL, self.capsys.readouterr()


@pytest.fixture
def desk(
    e2e_run: E2ERun,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Desk:
    monkeypatch.chdir(tmp_path)  # where receipts are written
    client = bigquery_client.connect("sandbox", e2e_run.endpoints["bigquery"])
    bigquery_views.create(client, e2e_run.name, sql_files.views())
    return Desk(e2e_run, capsys)


def test_payment_is_followed_to_its_tables(desk: Desk, tmp_path: Path) -> None:
    mine = ("--id=tx-mine", "--amount=12.50", "--currency=EUR")
    first = desk.send(*mine)
    assert desk.trace(first)["state"] == desk.trace("tx-mine")["state"] == "waits_for_job"
    assert desk.trace("tx-other", exit_codes.FINDING)["state"] == "unknown"
    assert desk.trace(f"{desk.e2e_run.topic}/0/99999", exit_codes.FINDING)["state"] == "beyond"

    desk.e2e_run.submit_to_flink(["--checkpointing_interval=10000"])
    desk.counted("tx-mine", 1)
    assert WAITS in [desk.trace(desk.send())["state"] for _ in range(5)]

    copy = desk.send(*mine)
    other = desk.send("--id=tx-mine", "--amount=13.00", "--currency=EUR")
    late = desk.send("--age=7200")
    accepted, duplicate, conflict = desk.counted("tx-mine", 3)
    assert [accepted["place"], duplicate["place"], conflict["place"]] == [first, copy, other]
    outcomes = [each["outcome"] for each in (accepted, duplicate, conflict)]
    assert outcomes == ["accepted", "duplicate", "conflict"]
    assert (duplicate["first"], duplicate["differs_in"]) == (first, [])
    assert conflict["differs_in"] == [{"fact": "amount_minor", "value": 1300, "accepted": 1250}]
    [outcome] = [each["outcome"] for each in desk.counted(late, 1)]
    assert outcome == "late"

    deadline = time.monotonic() + WAIT_SEC
    while not ((found := desk.trace("tx-mine"))["totals"] and found["indicators"]):
        assert time.monotonic() < deadline, found
        time.sleep(1)
    assert found["totals"][0]["currency"] == "EUR"
    assert {"indicator": "conflict", "place": other} in found["indicators"]

    follow_a_replay(desk, tmp_path)
    ask_the_tables(desk)


def follow_a_replay(desk: Desk, tmp_path: Path) -> None:
    broken = desk.send("--id=tx-broken", "--broken")
    [letter] = desk.counted("tx-broken", 1)
    assert (letter["outcome"], letter["columns"]["reason"]) == ("invalid", "unknown_currency")
    folder = str(tmp_path / "corrected")
    desk.dead_letters("edit", broken, "--folder", folder, "--set=currency=EUR")
    desk.dead_letters("send", "--from", folder, "--yes")

    letter, replay = desk.counted("tx-broken", 2)

    assert (replay["outcome"], replay["replay_of"]) == ("accepted", broken)
    for target in (broken, replay["place"]):
        records = desk.trace(target)["records"]
        assert [each["place"] for each in records] == [broken, replay["place"]]


def ask_the_tables(desk: Desk) -> None:
    name = desk.e2e_run.name
    assert tables.main(["show", "conflicts_beside_accepted", *desk.tables, "--json"]) == 0
    [conflict] = json.loads(desk.capsys.readouterr().out)
    assert (conflict["differs_in"], Decimal(conflict["amount"])) == ("amount", 13)
    assert tables.main(["show", "conflicts", *desk.tables, "--json"]) == 0
    [row] = json.loads(desk.capsys.readouterr().out)
    assert row["transaction_id"] == "tx-mine"
    console = sql.connect(desk.e2e_run.endpoints["bigquery"], "sandbox", name)
    query = "SELECT COUNT(*) AS n FROM records WHERE transaction_id = 'tx-mine'"
    assert console.ask(query) == sql.Answer(["n"], [[3]])
    assert ["records", "view"] in console.tables().rows
    with pytest.raises(sql.QueryError):
        console.ask("SELEC 1")


def test_what_retention_removes_before_it_is_counted_is_told(desk: Desk) -> None:
    place = desk.send()
    assert desk.trace(place)["state"] == "waits_for_job"

    at = place_named(place)
    admin = KafkaAdminClient(bootstrap_servers=desk.e2e_run.endpoints["kafka"])
    admin.delete_records({TopicPartition(*at[:2]): at.offset + 1})  # as retention does
    admin.close()

    assert desk.trace(place, exit_codes.FINDING)["state"] == "removed"


def test_topic_is_made_listed_and_watched(desk: Desk) -> None:
    name = f"{desk.e2e_run.topic}_made"
    servers = kafka_flags(desk.e2e_run.endpoints)
    assert topic.main(["create", name, "--partitions=2", *servers]) == exit_codes.WELL
    assert topic.main(["create", name, *servers]) == exit_codes.WELL
    assert "is there, with LogAppendTime" in desk.capsys.readouterr().out

    sent = [*servers, f"--kafka_topics={name}", "--count=3"]
    assert by_hand.main(sent) == exit_codes.WELL
    desk.capsys.readouterr()
    assert topic.main(["watch", name, "--last=3", "--count=3", "--json", *servers]) == 0
    records = [json.loads(line) for line in desk.capsys.readouterr().out.splitlines()]
    assert len({each["transaction_id"] for each in records}) == 3
    assert topic.main(["list", "--json", *servers]) == exit_codes.WELL
    listed = {each["name"]: each for each in json.loads(desk.capsys.readouterr().out)}
    assert (listed[name]["partitions"], listed[name]["offsets"]) == (2, 3)
