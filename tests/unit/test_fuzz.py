"""A short campaign against the decoder, and controls in which a planted bug must be found."""

import contextlib

import orjson
import pytest

from tests.fuzz import campaign
from tests.fuzz.campaign import Finding
from transforms.codecs import wire_format
from transforms.payment import replay
from transforms.payment.dead_letter import Reason
from transforms.payment.transaction import KafkaRecord, Transaction

SEED = 7
COUNT = 20_000  # some seconds; `make fuzz` runs a million


def test_every_input_is_counted_or_rejected_with_a_reason() -> None:
    tally = campaign.run(SEED, COUNT)

    assert tally.inputs == COUNT
    # Not only noise: most of what can be wrong with a record was tried.
    assert len(tally.outcomes) > 15, tally.outcomes
    assert tally.outcomes[campaign.COUNTED] > 500


def test_the_same_seed_gives_the_same_inputs() -> None:
    assert campaign.run(SEED, 500).outcomes == campaign.run(SEED, 500).outcomes


def takes_the_last_of_repeated_fields(record: KafkaRecord) -> Transaction:
    try:
        return wire_format.decode(record)
    except wire_format.Rejected as rejected:
        if rejected.reason is not Reason.REPEATED_FIELD:
            raise
        fields = orjson.loads(record.payload or b"")
        return wire_format.decode(record._replace(payload=orjson.dumps(fields)))


def crashes_on_deep_nesting(record: KafkaRecord) -> Transaction:
    with contextlib.suppress(orjson.JSONDecodeError):
        orjson.dumps(orjson.loads(record.payload or b""))
    return wire_format.decode(record)


def believes_any_number_in_the_header(record: KafkaRecord) -> Transaction:
    transaction = wire_format.decode(record._replace(replay_header=None))
    if record.replay_header is None:
        return transaction
    try:
        fields = orjson.loads(record.replay_header)
        return transaction._replace(replay_of=replay.ReplayOf(**fields))
    except (orjson.JSONDecodeError, TypeError):
        return wire_format.decode(record)


@pytest.mark.parametrize(
    "bug",
    [
        takes_the_last_of_repeated_fields,
        crashes_on_deep_nesting,
        believes_any_number_in_the_header,
    ],
)
def test_planted_bug_is_found(bug: campaign.Decode) -> None:
    with pytest.raises(Finding):
        campaign.run(SEED, COUNT, bug)


def test_hang_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "HANG_CPU_SEC", 0.05)

    def never_ends(record: KafkaRecord) -> Transaction:
        while True:
            pass

    with pytest.raises(Finding, match="held up"):
        campaign.run(SEED, 1, never_ends)
