"""A run by a contract: every record ends in the decoder as the plan says."""

from __future__ import annotations

import collections
import itertools
import pathlib

import pytest

from simulator import cli, generate
from simulator.contracts import find
from simulator.contracts.speech import Speech
from simulator.plan import Plan
from simulator.schedule import Schedule
from simulator.send import Send
from simulator.traffic import Traffic
from tests.support.contracts import schemas_of
from transforms.codecs.contract import shipped
from transforms.codecs.contract.decoder import Decoder
from transforms.codecs.contract.language import DAY_KINDS
from transforms.payment.dead_letter import Rejected
from transforms.payment.outcome import Outcome
from transforms.payment.transaction import KafkaRecord

START_US = 1_795_421_730_250_000
RULES_SKEW_US = 300_000_000
# Several lives of everything that a contract has.
COUNT = 1_500


def sends_of(name: str) -> list[Send]:
    speech = Speech(find.encoder_at_hand(find.Named(name)))
    traffic = Traffic(
        rate_per_sec=100,
        count=COUNT,
        duplicate_ratio=0.1,
        conflict_ratio=0.1,
        late_ratio=0.05,
        invalid_ratio=0.1,
        skipped_ratio=0.2 if speech.skips else 0,
        accounts=50,
    )
    traffic.check()
    clock = Schedule(100, START_US)
    return list(Plan(traffic, generate.make_pools(1, 50), 4, clock, speech))


def record_of(send: Send, place: int) -> KafkaRecord:
    return KafkaRecord(
        "t", send.partition, place, START_US, send.key, send.payload, None, send.headers
    )


WANTED = {Outcome.ACCEPTED, Outcome.DUPLICATE, Outcome.CONFLICT, Outcome.INVALID}
LATE_BY_DAY = {Outcome.LATE, Outcome.INVALID}  # a day counts from its start
# A contract of one's own with a sample beside it is spoken as the shipped ones are.
OTHERS = sorted(
    str(path) for path in (pathlib.Path(__file__).parent / "contract/other_formats").glob("*.yaml")
)


@pytest.mark.parametrize("name", [*shipped.NAMES, *OTHERS])
def test_every_record_ends_as_planned(name: str) -> None:
    encoder = find.encoder_at_hand(find.Named(name))
    decoder = Decoder(encoder.contract, schemas_of(name))
    rules = encoder.contract.rules(RULES_SKEW_US)
    names = encoder.contract.fact_names
    known: dict[str, tuple[object, ...]] = {}
    found: collections.Counter[object] = collections.Counter()
    for place, send in enumerate(sends_of(name)):
        decoded = decoder.decode([record_of(send, place)])
        found[send.expected] += 1
        if send.expected is Outcome.SKIPPED:
            assert decoded.skipped, send
            continue
        reason = decoded.rejected[0][1].reason if decoded.rejected else None
        if send.expected is Outcome.INVALID:
            if not decoded.rejected:
                arrival = decoded.transactions[0]._replace(broker_time_us=START_US)
                with pytest.raises(Rejected) as raised:
                    rules.check(arrival)
                reason = raised.value.reason
            assert reason is send.reason, send
            continue
        assert decoded.transactions, (send, decoded)
        payment = decoded.transactions[0]
        assert payment[:3] == send.facts[:3]
        assert (payment.amount_minor, payment.currency) == send.facts[3:5]
        facts = tuple(getattr(payment, fact) for fact in names)
        if send.expected is Outcome.ACCEPTED:
            assert payment.transaction_id not in known
            known[payment.transaction_id] = facts
        elif send.expected is Outcome.DUPLICATE:
            assert known[payment.transaction_id] == facts, send.fault
        elif send.expected is Outcome.CONFLICT:
            assert known[payment.transaction_id] != facts, send.fault
    assert sum(found.values()) == COUNT
    by_day = encoder.contract.fields["event_time"].kind in DAY_KINDS
    assert (LATE_BY_DAY if by_day else WANTED) <= set(found)
    assert (Outcome.LATE in found) == (not encoder.time_is_arrival)
    skips = encoder.contract.skips
    assert (Outcome.SKIPPED in found) == skips


def test_copies_are_the_same_bytes() -> None:
    sends = sends_of("hyperswitch")
    by_id = collections.defaultdict(set)
    for send in sends:
        if send.expected in (Outcome.ACCEPTED, Outcome.DUPLICATE) and send.fault != "nearly_late":
            by_id[send.facts.transaction_id].add(send.payload)
    assert all(len(payloads) == 1 for payloads in by_id.values())


def test_hyperswitch_sends_old_rows_and_states_before_the_charge() -> None:
    faults = {send.fault for send in itertools.islice(sends_of("hyperswitch"), COUNT)}

    assert "skipped_sign_flag=-1" in faults
    assert "skipped_status=started" in faults
    assert "invalid_unknown_state_status" in faults


def test_contract_is_a_setting_as_it_is_to_the_job(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else a job that reads by a contract would get payments in our own JSON, all invalid."""
    monkeypatch.setenv("PAYMENTS_CONTRACT", "strip")
    with pytest.raises(SystemExit) as raised:
        cli.main(["--kafka_bootstrap_servers=127.0.0.1:9", "--count=1"])
    assert raised.value.code == 2
    assert "--contract strip: No such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--contract=strip"], "Shipped: native, stripe"),
        (["--contract=debezium-avro"], "needs a schema registry"),
        (["--contract_sample=x.json"], "--contract_sample needs --contract"),
        (["--skipped_ratio=0.1"], "needs a --contract that skips"),
        (
            ["--contract=debezium-avro", "--schema_registry=http://127.0.0.1:9"],
            "gives no answer (ConnectionError)",
        ),
    ],
)
def test_mistake_is_one_line(
    flags: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as raised:
        cli.main(["--kafka_bootstrap_servers=127.0.0.1:9", "--count=1", *flags])
    assert raised.value.code == 2
    assert said in capsys.readouterr().err
