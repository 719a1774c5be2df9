"""`payments contract`: what a person at a terminal sees, and the page that teaches it."""

from __future__ import annotations

import contextlib
import io
import json
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

import fastavro
import pytest

from operations import kafka_client
from operations.contract import samples, topic_sample
from operations.contract.command import main
from payments import cli
from tests.support import pages
from tests.support.contract_records import CONTRACTS, DESCRIPTOR
from tests.support.contracts import payload, plain
from transforms.codecs.contract import shipped
from transforms.kafka.reader import OffsetRange

ROOT = Path(__file__).parents[3]
PAGE, JOB = "docs/your_payments.md", "## 5. The job"


def run(*arguments: str) -> int:
    return main(list(arguments))


@pytest.mark.parametrize("name", shipped.NAMES)
def test_example_is_written_and_its_sample_passes(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mine.yaml"
    assert run("init", f"--from={name}", f"--out={out}") == 0

    schemas = tmp_path / "schemas" / name
    more = [f"--schemas={schemas}"] if list(schemas.glob("*.avsc")) else []
    sample = shipped.sample_of(name)
    assert run("check", str(out), f"--sample={sample}", *more) == 0
    said = capsys.readouterr().out
    assert "invalid=0" in said and "12.50" in said and "state: 10000 records a minute" in said


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "mine.yaml"
    out.write_text("mine")

    assert run("init", "--from=stripe", f"--out={out}") == 3
    assert out.read_text() == "mine"
    assert "is there already" in capsys.readouterr().err


def test_example_goes_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("init", "--from=adyen") == 0
    assert capsys.readouterr().out == (CONTRACTS / "adyen.yaml").read_text()


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(json.dumps(plain()))
    return path


def sample(path: Path, *records: bytes) -> Path:
    path.write_bytes(b"\n".join(records) + b"\n")
    return path


def test_json_has_all_that_was_found(
    mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records = [payload(note=1), payload(id="2", note=2), payload(amount="1.001"), b"?"]
    path = sample(tmp_path / "s.ndjson", *records)

    assert run("check", str(mine), f"--sample={path}", "--json", "--rate_per_min=60") == 1
    found = json.loads(capsys.readouterr().out)
    assert found["outcomes"] == {"accepted": 2, "invalid": 2, "skipped": 0}
    assert found["invalid"]["amount_not_exact"]["place"] == f"{path}:3"
    assert found["invalid"]["not_json"]["place"] == f"{path}:4"
    assert found["first_payment"]["amount"] == "12.50"
    assert found["unmapped"] == {"note": 2}
    assert found["state_bytes_per_hour"] == 60 * 60 * 40 // 2


def test_what_looks_wrong_is_asked(
    mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records = [payload(id=n, payer="same", amount=f"{n}.00", payee=n) for n in range(1, 12)]
    records += [payload(id=1, payer="same", amount="99.00", time="2031-01-01T00:00:00Z")]
    path = sample(tmp_path / "s.ndjson", *records)

    run("check", str(mine), f"--sample={path}", f"--clock_skew_sec={86_400}")
    said = capsys.readouterr().out
    assert "unit? all 11 amounts in EUR end in 00" in said
    assert "account_id is the same in all payments" in said
    assert "merchant_id is another one in every payment" in said


MOLLIE = {
    "type": "payment.paid",
    "_embedded": {"entity": {"id": "tr_7UhSN1zuXS", "amount": {"value": "12.50"}}},
}


def test_rule_that_asks_in_the_wrong_place_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What `else: skip` skips because a field is missing would never be missed."""
    mine = tmp_path / "mollie.yaml"
    keep = {"at": "type", "in": ["payment.paid"], "else": "skip"}
    unwrap = [{"at": "_embedded.entity", "as": "object"}]
    mine.write_text(json.dumps(plain(keep=[keep], unwrap=unwrap)))
    path = sample(tmp_path / "s.ndjson", json.dumps(MOLLIE).encode())

    assert run("check", str(mine), f"--sample={path}") == 0
    said = capsys.readouterr().out
    assert f'{path}:1  type is absent; outer:type is "payment.paid"' in said
    assert "all records are skipped" in said
    assert "type: else skips what has no type" in said


def test_rule_that_skips_some_is_no_question(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(json.dumps(plain(keep=[{"at": "state", "in": ["paid"], "else": "skip"}])))
    path = sample(tmp_path / "s.ndjson", payload(state="paid"), payload(id="2", state="open"))

    assert run("check", str(mine), f"--sample={path}") == 0
    said = capsys.readouterr().out
    assert 'state is "open"' in said and "look at this" not in said


def test_id_with_other_facts_is_asked(
    mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = sample(tmp_path / "s.ndjson", payload(), payload(amount="13"))

    assert run("check", str(mine), f"--sample={path}") == 0
    assert "1 transaction_ids have records with other facts" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "places"),
    [
        (payload(), ["1"]),
        (json.dumps(json.loads(payload()), indent=1).encode(), ["1"]),
        (b"[\n" + payload() + b" ,\n" + payload() + b"\n]\n", ["2", "3"]),
        (payload() + b"\r\n\r\n" + payload(), ["1", "3"]),
        (b"null", ["1"]),
        (b"[]", ["1"]),
    ],
)
def test_samples_of_json(tmp_path: Path, content: bytes, places: list[str]) -> None:
    path = tmp_path / "s.json"
    path.write_bytes(content)
    found = list(samples.records_of(path, None, 0, samples.ContainerSchemas(None)))

    assert [each.place.rpartition(":")[2] for each in found] == places
    if len(places) > 1:
        assert {each.record.payload for each in found} == {payload()}  # byte for byte


def test_sample_in_an_avro_container_brings_its_schema(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    schema = json.loads((CONTRACTS / "schemas/confluent-avro/7.avsc").read_text())
    paid = {"id": "1", "amount": __import__("decimal").Decimal("12.50"), "currency": "EUR"}
    paid |= {"time": 1_795_421_730_250, "creditCardId": "c", "merchantId": 9, "note": None}
    path = tmp_path / "s.avro"
    with path.open("wb") as file:
        fastavro.writer(file, schema, [paid, {**paid, "id": "2"}])

    assert run("check", str(CONTRACTS / "confluent-avro.yaml"), f"--sample={path}") == 0
    assert "accepted=2" in capsys.readouterr().out


def test_one_raw_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from tests.support.contract_records import SAMPLE, protobuf

    path = tmp_path / "s.bin"
    path.write_bytes(protobuf(SAMPLE).payload or b"")

    assert run("check", str(CONTRACTS / "protobuf.yaml"), f"--sample={path}") == 0
    assert "accepted=1" in capsys.readouterr().out
    assert DESCRIPTOR.exists()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("s.b64", "?", "s.b64:1 must be base64"),
        ("s.avro", "Obj\x01?", "is no Avro container file"),
        ("s.records.ndjson", "?", "s.records.ndjson:1 is no JSON"),
        ("s.records.ndjson", '{"vale": 1}', "must be an object of some of"),
        ("s.json", "", "no record in"),
    ],
)
def test_sample_that_cannot_be_read(
    mine: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    content: str,
    said: str,
) -> None:
    path = tmp_path / name
    path.write_text(content)

    assert run("check", str(mine), f"--sample={path}") == 3
    captured = capsys.readouterr()
    assert said in captured.err and captured.err.count("\n") == 1 and not captured.out


def test_files_that_are_not_there(
    mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = str(tmp_path / "gone")

    assert run("check", gone, f"--sample={mine}") == 3
    assert run("check", str(mine), f"--sample={gone}") == 3
    assert run("check", str(mine), f"--sample={mine}", f"--schemas={gone}") == 3
    assert run("explain", str(mine), f"--record={gone}:3") == 3
    assert capsys.readouterr().err.count("cannot be read") == 4


def test_registry_that_is_down_is_no_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (CONTRACTS / "debezium-avro.yaml").read_text()
    contract = tmp_path / "c.yaml"
    contract.write_text(text.replace("https://registry.example:8081", "http://127.0.0.1:1"))
    path = CONTRACTS / "samples/debezium-avro.b64"

    assert run("check", str(contract), f"--sample={path}") == 3
    assert run("explain", str(contract), f"--record={path}") == 3
    assert "schema registry http://127.0.0.1:1: ConnectionError" in capsys.readouterr().err


def test_wrong_contract_is_told_by_lines(
    mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine.write_text("contract: 1\nformat: jsonn\nfields: {}\n")

    assert run("check", str(mine), f"--sample={mine}", "--json") == 2
    captured = capsys.readouterr()
    assert len(captured.err.splitlines()) == len(json.loads(captured.out)["mistakes"]) == 9
    assert f"error: {mine}:2: format must be one of json" in captured.err


def test_way_of_one_record(mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = sample(tmp_path / "s.ndjson", payload(), payload(amount="1.001"), b"?")

    assert run("explain", str(mine), f"--record={path}") == 0
    assert "outcome" in capsys.readouterr().out
    assert run("explain", str(mine), f"--record={path}:2", "--json") == 1
    steps = json.loads(capsys.readouterr().out)
    assert [step["stage"] for step in steps][:2] == ["decode", "field transaction_id"]
    assert steps[-1]["found"] == "amount_not_exact"
    assert run("explain", str(mine), f"--record={path}:3") == 1
    assert run("explain", str(mine), f"--record={path}:9") == 3


@pytest.mark.parametrize("name", shipped.NAMES)
def test_way_and_count_agree(name: str) -> None:
    from tests.support.contracts import CLOCK_SKEW_US, schemas_of
    from tests.support.contracts import shipped as contract_of
    from transforms.codecs.contract import trace
    from transforms.codecs.contract.decoder import Decoder

    decoder = Decoder(contract_of(name), schemas_of(name))
    containers = samples.ContainerSchemas(None)
    for record, _ in samples.records_of(shipped.sample_of(name), None, 10**16, containers):
        decoded = decoder.decode([record])
        end = trace.explain(decoder, record, decoder.contract.rules(CLOCK_SKEW_US))[-1]
        assert end.what == ("accepted" if decoded.transactions else "skipped")
        assert not decoded.skipped or end.found == decoded.skipped[0][1]


def test_record_from_standard_input(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(payload() + b"\n")))

    assert run("explain", str(mine), "--record=-") == 0


class Message(NamedTuple):
    topic: str = "events"
    partition: int = 1
    offset: int = 41
    timestamp: int = 1_795_421_730_250
    key: bytes | None = b"k"
    value: bytes | None = payload()
    headers: Any = (("h", b"v"),)


class Reader:
    """Holds offsets 10 to 42 of one partition, and notes what is read of it."""

    def __init__(self, *_: Any) -> None:
        self.read_spans: list[OffsetRange] = []

    def ranges(self, topics: Any) -> list[OffsetRange]:
        return [OffsetRange(topics[0], 1, 10, 42)]

    def read(self, spans: Any, skip_removed: bool) -> Any:
        self.read_spans += spans
        yield [Message()]
        yield [Message(offset=42, value=None, headers=None)]


@pytest.mark.parametrize(("count", "start"), [(5, 37), (100, 10)])
def test_newest_records_of_a_topic_are_a_sample(count: int, start: int) -> None:
    reader = Reader()
    found = list(topic_sample.newest(reader, ["events"], count))  # type: ignore[arg-type]

    assert reader.read_spans == [("events", 1, start, 42)]
    assert [each.place for each in found] == ["events[1]@41", "events[1]@42"]
    assert (found[0].record.headers, found[0].record.broker_time_us) == (
        (("h", b"v"),),
        Message().timestamp * 1_000,
    )


def test_topic_is_checked_like_a_file(
    mine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @contextlib.contextmanager
    def connected(*_: Any) -> Any:
        yield Reader()

    monkeypatch.setattr(kafka_client, "reader", connected)

    assert run("check", str(mine), "--topic=events", "--kafka_bootstrap_servers=x:1") == 1
    said = capsys.readouterr().out
    assert "accepted=1 invalid=1" in said and "events[1]@42  the value is null" in said


def test_broker_that_is_away_is_no_verdict(
    mine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(kafka_client, "BROKER_TIMEOUT_MS", 200)

    assert run("check", str(mine), "--topic=events", "--kafka_bootstrap_servers=127.0.0.1:1") == 3
    assert "no Kafka broker answers at 127.0.0.1:1" in capsys.readouterr().err


@pytest.mark.parametrize("flags", [(), ("--topic=events",), ("--topic=a b", "--records=0")])
def test_check_needs_something_to_check(mine: Path, flags: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as error:
        run("check", str(mine), *flags)
    assert error.value.code == 2


def test_it_is_a_command_of_payments(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["contract", "init", "--from=native"]) == 0
    assert cli.main(["--help"]) == 0
    assert "contract" in capsys.readouterr().out


def test_page_says_what_happens(tmp_path: Path) -> None:
    """Runs each command of docs/your_payments.md before the job, in order, in an empty folder."""
    commands = pages.blocks(PAGE, end=JOB)
    assert len(commands) >= 7
    done = pages.run(commands, tmp_path, timeout=300)

    assert done.returncode == 0, done.stdout + done.stderr
    shown = re.search(r"```\n(records=4.*?)```", (ROOT / PAGE).read_text(), re.DOTALL)
    assert shown and shown[1].strip() in done.stdout
    assert "accepted=1 invalid=0 skipped=1" in done.stdout
    assert "wrong.yaml:" in done.stderr and "'decimal_text'?" in done.stderr


def test_control_a_command_of_a_page_that_ends_otherwise_is_found(tmp_path: Path) -> None:
    [*begin, check] = pages.blocks(PAGE, end="## 4.")
    assert "# exits with 2" in check

    done = pages.run([*begin, check.replace("exits with 2", "exits with 0")], tmp_path, timeout=300)
    assert done.returncode == 9 and "exit code 2: payments contract check" in done.stderr


def test_page_names_every_word_of_the_language() -> None:
    from transforms.codecs.contract import language, load

    page = (ROOT / PAGE).read_text()
    words = {*load._KEYS, *language.FORMATS, *language.UNWRAPS, *language.AMOUNT_KINDS}
    words |= {*language.TIME_KINDS, *language.FIELDS, *language.COLUMN_TYPES, *shipped.NAMES}
    words |= set(language.DIGITS_OF) - {"iso"}
    missing = [w for w in sorted(words) if w not in page and not w.endswith("_registry")]
    assert not missing
