"""`show` reports the chain of replays of a dead letter, and its payload byte for byte."""

import json
import time
from collections.abc import Iterable

import pytest

from operations.dead_letters import commands, send
from operations.dead_letters.chain import chain_of
from operations.dead_letters.history import Filter
from operations.dead_letters.letters import Fate, Stored, place_of, replay_of
from operations.dead_letters.producer import NotSent
from operations.reconcile.settings import Topics
from operations.reconcile.truth import Limits, Place
from tests.support.dead_letters import corrected, letter
from tests.support.payments import SECOND_US, START_US
from transforms.payment.dead_letter import DeadLetter
from transforms.payment.outcome import Outcome
from transforms.payment.transaction import ReplayOf


class Tables:
    """Dead letters, and fates of what was sent for them, in memory."""

    def __init__(self, *letters: DeadLetter, **fates: Fate) -> None:
        self._letters = {place_of(each): each for each in letters}
        self._fates = {
            Place(*each.replay_of[:3]): (
                Fate(Outcome.INVALID, place_of(each), each.broker_time_us),
            )
            for each in letters
            if each.replay_of is not None
        }
        for name, fate in fates.items():
            self._fates[Place("payments", 2, int(name.removeprefix("of_")))] = (fate,)

    def letters(self, places: Iterable[Place]) -> dict[Place, DeadLetter]:
        return {place: self._letters[place] for place in places if place in self._letters}

    def fates(self, places: Iterable[Place]) -> dict[Place, tuple[Fate, ...]]:
        return {place: self._fates[place] for place in places if place in self._fates}


FIRST = letter(offset=1)
SECOND = letter(offset=2, replay_of=replay_of(FIRST))
THIRD = letter(offset=3, replay_of=replay_of(SECOND))
ACCEPTED = Fate(Outcome.ACCEPTED, Place("payments", 0, 9), START_US)


@pytest.mark.parametrize("asked", [FIRST, SECOND, THIRD])
def test_chain_is_the_same_from_whichever_letter_it_is_asked_for(asked: DeadLetter) -> None:
    chain = chain_of(asked, Tables(FIRST, SECOND, THIRD, of_3=ACCEPTED))

    assert [link.place.offset for link in chain] == [1, 2, 3, 9]
    assert chain[-1].end == "accepted"


def test_forged_chain_ends_where_no_dead_letter_is() -> None:
    forged = letter(replay_of=ReplayOf("payments", 2, 1, START_US))

    assert "forged" in chain_of(forged, Tables(forged))[0].end


def test_forged_chain_that_names_itself_ends() -> None:
    one = letter(offset=1, replay_of=ReplayOf("payments", 2, 2, START_US))
    two = letter(offset=2, replay_of=ReplayOf("payments", 2, 1, START_US))

    assert len(chain_of(one, Tables(one, two))) <= 4


def test_payload_is_written_byte_for_byte(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    odd = letter(payload=b"\x00\xff\n\n")

    assert commands.show_letter(Tables(odd), place_of(odd), form="payload") == 0

    assert capfdbinary.readouterr().out == odd.payload


def test_documents_say_what_pages_say(capsys: pytest.CaptureFixture[str]) -> None:
    tables = Tables(FIRST, SECOND, of_2=ACCEPTED)
    tables.find = lambda wanted: [Stored(SECOND, (ACCEPTED,))]

    assert commands.show_letter(tables, place_of(SECOND), form="json") == 0
    page = json.loads(capsys.readouterr().out)
    assert (page["place"], page["reason"]) == ("payments/2/2", SECOND.reason)
    assert [link["end"] for link in page["chain"]][-1] == "accepted"

    assert commands.list_letters(tables, Filter(), form="json") == 0
    [listed] = json.loads(capsys.readouterr().out)
    assert listed["sent_again"] == [{"place": "payments/0/9", "outcome": "accepted"}]


def test_letter_is_not_sent_on_an_old_answer_of_the_tables() -> None:
    class Sender:
        def put(self, candidate: object, topic: str) -> str:
            return f"sent to {topic}"

    config = send.SendConfig(Topics("b:1", ()), Limits(), lag_max_us=600 * SECOND_US)
    now = time.monotonic()

    assert config.stale_after_sec == 1_650
    assert send._put(Sender(), corrected(), config, now - 1_600) == "sent to payments"
    assert isinstance(send._put(Sender(), corrected(), config, now - 1_651), NotSent)
