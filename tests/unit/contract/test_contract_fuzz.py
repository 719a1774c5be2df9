"""A short campaign against the language and the decoders, with controls that must find a bug."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from tests.fuzz import campaign, contracts
from tests.fuzz.contracts import Finding
from transforms.codecs.contract.decoder import Decoder

SEED = 7
COUNT = 2_000  # some seconds; `make fuzz` runs a million


def test_every_input_ends_in_a_way_that_has_a_name() -> None:
    tally = contracts.run(SEED, COUNT)

    # By spoiled contracts that are good, records are read.
    assert tally.contracts["mistaken"] > 80 and tally.contracts["good, its record accepted"], tally
    assert tally.contracts.total() - tally.contracts["mistaken"] > 10, tally
    # Not only noise: most of what can be wrong with a record was tried.
    assert len(tally.records) > 12, tally
    assert tally.records["accepted"] > 100


def loses_what_is_no_json(decoder: Decoder, records: Any) -> Any:
    decoded = decoder.decode(records)
    kept = [each for each in decoded.rejected if each[1].reason.value != "not_json"]
    return decoded._replace(rejected=kept)


def crashes_on_bytes_that_are_no_json(decoder: Decoder, records: Any) -> Any:
    if decoder.contract.format == "json" and records[0].payload is not None:
        orjson.loads(records[0].payload)
    return decoder.decode(records)


@pytest.mark.parametrize("bug", [loses_what_is_no_json, crashes_on_bytes_that_are_no_json])
def test_planted_bug_is_found(bug: Any) -> None:
    with pytest.raises(Finding):
        contracts.run(SEED, COUNT, bug)


def test_hang_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "HANG_CPU_SEC", 0.05)

    def never_ends(decoder: Decoder, records: Any) -> Any:
        while True:
            pass

    with pytest.raises(Finding, match="of CPU"):
        contracts.run(SEED, 1, never_ends)
