"""Dead letters sent again on real parts: corrected, linked to their origin, and counted once."""

import base64
import dataclasses
import time
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.structs import TopicPartition

from harness import programs
from harness.e2e_run import E2ERun
from operations import bigquery_client
from operations.dead_letters import command as dead_letters
from operations.dead_letters import topic
from operations.dead_letters.history import Filter, History
from operations.dead_letters.letters import name_of, place_named, place_of
from operations.dead_letters.receipt import Receipt
from operations.reconcile.command import reconcile
from operations.reconcile.settings import Dataset, ReconcileConfig, Topics
from operations.reconcile.truth import Place
from operations.tables import command as tables
from tests.support.payments import SECOND_US, payload
from transforms.codecs import wire_format
from transforms.payment import replay
from transforms.payment.dead_letter import DeadLetter
from transforms.payment.outcome import Outcome
from transforms.payment.transaction import ReplayOf

pytestmark = pytest.mark.integration

LATENESS_US = 3_600 * SECOND_US


@dataclasses.dataclass
class Desk:
    """Where someone on call sits: the tool's commands, and what they printed."""

    e2e_run: E2ERun
    capsys: pytest.CaptureFixture[str]

    def run(self, command: str, *arguments: object, dataset: str = "") -> tuple[int, str]:
        endpoints = self.e2e_run.endpoints
        flags = [
            f"--bigquery_dataset=sandbox.{dataset or self.e2e_run.name}",
            f"--bigquery_endpoint={endpoints['bigquery']}",
        ]
        if command in ("edit", "send"):
            flags.append(f"--kafka_bootstrap_servers={endpoints['kafka']}")
        code = dead_letters.main([command, *flags, *map(str, arguments)])
        printed = self.capsys.readouterr()
        return code, printed.out + printed.err

    def rejected(self, dataset: str = "") -> dict[str | None, DeadLetter]:
        """Returns the dead letters by their key, which `produce` makes the id."""
        history = self.history(dataset)
        letters = [each.letter for each in history.find(Filter(sent_too=True))]
        return {letter.key.decode() if letter.key else None: letter for letter in letters}

    def history(self, dataset: str = "") -> History:
        endpoints = self.e2e_run.endpoints
        return History(Dataset("sandbox", dataset or self.e2e_run.name, endpoints["bigquery"]))

    def query(self, sql: str) -> list[dict]:
        client = bigquery_client.connect("sandbox", self.e2e_run.endpoints["bigquery"])
        return [dict(row) for row in client.query(sql).result()]


@pytest.fixture
def desk(
    e2e_run: E2ERun,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Desk:
    monkeypatch.chdir(tmp_path)  # where receipts are written
    return Desk(e2e_run, capsys)


def produce(e2e_run: E2ERun, *records: tuple[str, bytes | None], headers: list | None = None):
    """Sends records, each keyed by its id; returns where they are."""
    producer = KafkaProducer(bootstrap_servers=e2e_run.endpoints["kafka"], acks="all")
    try:
        sent = [
            producer.send(e2e_run.name, value, key.encode(), headers=headers).get(30)
            for key, value in records
        ]
    finally:
        producer.close()
    return [Place(each.topic, each.partition, each.offset) for each in sent]


def just_now() -> str:
    return wire_format.event_time_text(time.time_ns() // 1_000)


def run_into_fresh_tables(e2e_run: E2ERun) -> str:
    """Counts the whole topic again: DirectRunner remembers nothing from one run to the next."""
    dataset = f"{e2e_run.name}_again"
    tables.create(bigquery_client.connect("sandbox", e2e_run.endpoints["bigquery"]), dataset)
    flags = [
        "--runner=DirectRunner",
        *e2e_run.flags(),
        f"--bigquery_dataset=sandbox.{dataset}",
    ]
    log = e2e_run.folder / "logs" / "again.log"
    programs.start("pipeline", flags, log).wait(300)
    return dataset


def store_letter(desk: Desk, place: Place, reason: str, carried: bytes) -> None:
    """Writes a row of dead_letters as the pipeline does."""
    moment = just_now()
    # The stand-in does not decode a parameter of type BYTES.
    desk.query(
        f"INSERT INTO `sandbox.{desk.e2e_run.name}.dead_letters` (kafka_topic, kafka_partition, "
        "kafka_offset, broker_time, reason, detail, step, payload, ingested_at, pipeline_version) "
        f"VALUES ('{place.topic}', {place.partition}, {place.offset}, TIMESTAMP '{moment}', "
        f"'{reason}', 'detail', 'step', FROM_BASE64('{base64.b64encode(carried).decode()}'), "
        f"TIMESTAMP '{moment}', 'test')"
    )


def test_corrected_letter_is_accepted_once_and_linked_to_its_first_place(
    e2e_run: E2ERun, desk: Desk, tmp_path: Path
) -> None:
    produce(
        e2e_run,
        (
            "tx-currency",
            payload(transaction_id="tx-currency", currency="EURO", event_time=just_now()),
        ),
        ("tx-slow", payload(transaction_id="tx-slow", currency="EURO")),
        (
            "tx-corrected-by-producer",
            payload(transaction_id="tx-corrected-by-producer", currency="EURO"),
        ),
        ("x", payload(transaction_id="tx-corrected-by-producer", event_time=just_now())),
        ("tombstone", None),
    )
    e2e_run.run_direct()
    rejected = desk.rejected()
    name = {key: name_of(place_of(letter)) for key, letter in rejected.items()}
    assert set(rejected) == {"tx-currency", "tx-slow", "tx-corrected-by-producer", "tombstone"}

    # Just in time by its first arrival, and too late by any later one.
    in_time_us = rejected["tx-slow"].broker_time_us - LATENESS_US + SECOND_US // 1_000
    in_time = wire_format.event_time_text(in_time_us)
    corrected, slow = tmp_path / "corrected", tmp_path / "slow"
    assert desk.run("edit", "--reason=unknown_currency", "--folder", slow)[0] == 1
    edited = desk.run("edit", "--folder", slow, "--set=currency=EUR", f"--set=event_time={in_time}")
    assert edited[0] == 0, edited[1]
    desk.run("edit", *name.values(), "--folder", corrected, "--set=currency=EUR")
    # The control of the judgement: the same payment unmarked is late.
    unmarked = (slow / f"{name['tx-slow'].replace('/', '-')}.txt").read_bytes()
    produce(e2e_run, ("u", unmarked.replace(b"tx-slow", b"tx-unmarked")))

    code, told = desk.run("send", "--from", corrected)
    assert code == 1
    assert f"{name['tx-currency']}" in told and "would be sent" in told
    assert "dry run" in told and not (corrected / "receipt.jsonl").exists()
    (slow / "manifest.jsonl").write_bytes(manifest_line(slow, name["tx-slow"]))
    assert desk.run("send", "--from", slow, "--yes")[0] == 0
    code, told = desk.run("send", "--from", corrected, "--yes")
    assert (code, results(told)) == (
        1,
        {
            name["tx-currency"]: "sent",
            name["tx-slow"]: "under way",
            name["tx-corrected-by-producer"]: "already counted",
            name["tombstone"]: "nothing to send",
        },
    ), told

    with topic.connected(Topics(e2e_run.endpoints["kafka"], ())) as reader:
        sent = reader.record_at(place_named(*Receipt(corrected / "receipt.jsonl").sent.values()))
    assert sent is not None and sent.key == b"tx-currency", "the key must be the original one"

    code, told = desk.run("send", "--from", corrected, "--yes")
    assert results(told)[name["tx-currency"]] == "in the receipt", told
    # As if it had been interrupted after Kafka had the record, before the receipt was written.
    (corrected / "receipt.jsonl").unlink()
    code, told = desk.run("send", "--from", corrected, "--yes")
    assert results(told)[name["tx-currency"]] == "under way", told

    again = run_into_fresh_tables(e2e_run)
    assert set(desk.rejected(again)) == set(rejected), "no third fate"
    for key in ("tx-currency", "tx-slow"):
        [row] = desk.query(
            f"SELECT * FROM `sandbox.{again}.transactions` WHERE transaction_id = '{key}'"
        )
        letter = rejected[key]
        first = (row["replay_of_topic"], row["replay_of_partition"], row["replay_of_offset"])
        assert first == place_of(letter)
        assert row["original_time"].timestamp() * 1e6 == pytest.approx(letter.broker_time_us, abs=1)
        assert row["broker_time"] > row["original_time"]
    [late] = desk.query(f"SELECT transaction_id FROM `sandbox.{again}.late_transactions`")
    assert late == {"transaction_id": "tx-unmarked"}
    report = reconcile(
        ReconcileConfig(
            Topics(e2e_run.endpoints["kafka"], (e2e_run.name,)),
            Dataset("sandbox", again, e2e_run.endpoints["bigquery"]),
        )
    )
    assert report.balanced, report.text()
    assert report.counts.outcomes[Outcome.ACCEPTED] == 3

    code, told = desk.run("send", "--from", corrected, "--yes", dataset=again)
    assert results(told)[name["tx-currency"]] == "sent before", told
    code, told = desk.run("send", "--from", corrected, "--yes", "--again", dataset=again)
    assert results(told)[name["tx-currency"]] == "already counted", told
    assert name["tx-currency"] not in desk.run("list", dataset=again)[1]
    assert "accepted" in desk.run("list", "--all", dataset=again)[1]
    assert "accepted" in desk.run("show", name["tx-currency"], dataset=again)[1]


def test_flink_reads_the_header_that_names_the_dead_letter(e2e_run: E2ERun, desk: Desk) -> None:
    [rejected] = produce(e2e_run, ("a", payload(transaction_id="tx-a", currency="EURO")))
    of = ReplayOf(*rejected, time.time_ns() // 1_000 - 10 * SECOND_US)
    headers = [("trace", b"\xff"), (replay.HEADER, replay.encode(of))]
    in_time = wire_format.event_time_text(of.original_time_us)
    [sent] = produce(
        e2e_run, ("a", payload(transaction_id="tx-a", event_time=in_time)), headers=headers
    )

    e2e_run.submit_to_flink()

    deadline = time.monotonic() + 120
    while not (fates := desk.history().fates([rejected])):
        assert time.monotonic() < deadline, "no row that names the dead letter"
        time.sleep(0.5)
    [fate] = fates[rejected]
    assert (fate.outcome, fate.place) == (Outcome.ACCEPTED, sent)


def test_bytes_of_a_refused_row_come_from_kafka_and_wait_for_the_horizon(
    e2e_run: E2ERun, desk: Desk, tmp_path: Path
) -> None:
    sent = payload(transaction_id="tx-1", event_time=just_now())
    gone, kept = produce(e2e_run, ("key", payload()), ("key", sent))
    admin = KafkaAdminClient(bootstrap_servers=e2e_run.endpoints["kafka"])
    admin.delete_records({TopicPartition(*kept[:2]): kept.offset})  # as retention does
    admin.close()
    for place in (gone, kept):
        store_letter(desk, place, "refused_by_bigquery", b'{"amount":"12.50"}')
    names = [name_of(gone), name_of(kept)]

    code, told = desk.run("send", *names, "--yes")
    assert code == 1
    assert results(told) == dict(zip(names, ("bytes gone", "still remembered"), strict=True)), told

    code, told = desk.run("edit", *names, "--folder", tmp_path / "corrected")
    assert (code, f"left out: {names[0]}" in told) == (0, True), told
    [file] = (tmp_path / "corrected").glob("*.txt")
    assert file.read_bytes() == sent


def test_nothing_is_sent_while_the_pipeline_is_behind(e2e_run: E2ERun, desk: Desk) -> None:
    [rejected, _] = produce(
        e2e_run, ("a", payload(transaction_id="tx-a")), ("b", payload(transaction_id="tx-b"))
    )
    store_letter(desk, rejected, "unknown_currency", payload(event_time=just_now()))

    code, told = desk.run("send", name_of(rejected), "--yes", "--lag_max_sec=0")
    assert code == 1
    assert "the pipeline has no row of" in told and "Traceback" not in told
    assert "nothing to send" in told

    code, told = desk.run("send", name_of(rejected))  # the control: a lag that is allowed
    assert (code, results(told)) == (0, {name_of(rejected): "would be sent"}), told


def test_tables_of_another_topic_of_that_name_are_told(e2e_run: E2ERun, desk: Desk) -> None:
    [place] = produce(e2e_run, ("a", payload()))
    beyond = place._replace(offset=1_000_000)
    store_letter(desk, beyond, "unknown_currency", payload(event_time=just_now()))

    code, told = desk.run("send", name_of(beyond), "--yes")

    assert code == 1
    assert "made anew" in told and "nothing to send" in told


def manifest_line(folder: Path, place: str) -> bytes:
    """Returns the line of one place: whoever edits may leave the others out."""
    lines = (folder / "manifest.jsonl").read_bytes().splitlines(keepends=True)
    return next(line for line in lines if f'"{place}"'.encode() in line)


def results(told: str) -> dict[str, str]:
    """Returns what was told of each place: its result, or the reason why it was skipped."""
    words = {}
    for line in told.splitlines():
        place, slash, _ = line.partition(" ")
        if slash and place.count("/") == 2:
            result = line.split("  ")
            cells = [cell.strip() for cell in result if cell.strip()]
            words[place] = cells[3].partition(":")[0] if cells[2] == "skipped" else cells[2]
    return words
