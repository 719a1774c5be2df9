"""The refusals to send a dead letter again, each beside the case that is sent."""

import pytest

from operations.dead_letters import commands
from operations.dead_letters.candidate import Candidate, Known
from operations.dead_letters.letters import Counted, Fate, place_of, replay_of
from operations.dead_letters.verdict import Judge, Refusal
from operations.errors import UsageError
from operations.reconcile.truth import Limits, Place
from tests.support.dead_letters import BROKEN, corrected, letter
from tests.support.payments import SECOND_US, START_US, payload, transaction
from transforms.payment.dead_letter import KEPT_BYTES_MAX, DeadLetter
from transforms.payment.outcome import Outcome
from transforms.payment.transaction import ReplayOf, facts_of

DAY_US = 86_400 * SECOND_US
LIMITS = Limits()
TOMORROW_US = START_US + DAY_US
ELSEWHERE = Place("payments", 0, 99)
COUNTED = Known(counted={"tx-1": Counted(ELSEWHERE, facts_of(transaction()))})


def refusal(
    candidate: Candidate,
    known: Known | None = None,
    *,
    now_us: int = TOMORROW_US,
    again: bool = False,
    even_invalid: bool = False,
) -> Refusal | None:
    judge = Judge(LIMITS, again, even_invalid)
    return judge.judge(candidate, known or Known(), now_us).refusal


def test_corrected_letter_that_nobody_has_seen_may_be_sent() -> None:
    assert refusal(corrected()) is None


def test_letter_that_was_accepted_meanwhile_is_never_sent() -> None:
    assert refusal(corrected(), COUNTED) is Refusal.ALREADY_COUNTED
    assert refusal(corrected(), COUNTED, again=True) is Refusal.ALREADY_COUNTED
    assert refusal(corrected(), COUNTED, even_invalid=True) is Refusal.ALREADY_COUNTED
    assert refusal(corrected(transaction_id="tx-2"), COUNTED) is None


def test_id_is_found_even_in_what_this_version_calls_invalid() -> None:
    # Another version, or another clock skew, may take it.
    invalid = corrected(currency="EURO")

    assert refusal(invalid, COUNTED, even_invalid=True) is Refusal.ALREADY_COUNTED
    assert refusal(invalid, even_invalid=True) is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [({}, "the same facts"), ({"amount_minor": 1}, "fraud"), ({"currency": 7}, "cannot be read")],
)
def test_refusal_says_whether_the_counted_payment_agrees(changes: dict, words: str) -> None:
    assert words in Judge(LIMITS).judge(corrected(**changes), COUNTED, TOMORROW_US).detail


@pytest.mark.parametrize("outcome", list(Outcome))
def test_letter_that_was_sent_before_is_not_sent_whatever_became_of_it(outcome: Outcome) -> None:
    known = Known(fates={place_of(letter()): (Fate(outcome, ELSEWHERE, START_US),)})

    assert refusal(corrected(), known) is Refusal.SENT_BEFORE
    assert refusal(corrected(), known, again=True) is None
    assert refusal(corrected(letter(offset=4712)), known) is None


def test_letter_whose_replay_has_no_row_yet_is_not_sent() -> None:
    known = Known(under_way={place_of(letter()): ELSEWHERE})

    assert refusal(corrected(), known) is Refusal.UNDER_WAY
    assert refusal(corrected(), known, again=True) is None


def test_letter_in_the_receipt_is_not_sent_by_this_send_again() -> None:
    known = Known(receipt={place_of(letter()): "payments/0/99"})

    assert refusal(corrected(), known, again=True) is Refusal.IN_RECEIPT
    assert refusal(corrected(letter(offset=4712)), known) is None


def test_letter_that_would_be_rejected_again_needs_a_flag() -> None:
    uncorrected = Candidate(letter(), b"key", BROKEN)

    assert refusal(uncorrected) is Refusal.STILL_INVALID
    assert refusal(uncorrected, even_invalid=True) is None


def test_rules_are_those_of_the_first_arrival() -> None:
    hour_later = corrected(event_time="2026-01-01T01:00:00Z")

    assert refusal(hour_later, now_us=TOMORROW_US) is Refusal.STILL_INVALID
    assert refusal(corrected(event_time="2026-01-01T00:05:00Z")) is None


def test_clock_behind_the_brokers_changes_nothing() -> None:
    assert refusal(corrected(), now_us=START_US - DAY_US) is None


def test_what_was_late_at_its_first_arrival_is_told() -> None:
    early = corrected(event_time="2025-12-31T22:59:59Z")

    assert "late" in Judge(LIMITS).judge(early, Known(), TOMORROW_US).detail
    assert "accepted" in Judge(LIMITS).judge(corrected(), Known(), TOMORROW_US).detail


def test_of_two_with_one_id_the_first_goes() -> None:
    judge = Judge(LIMITS)
    first, second = corrected(), corrected(letter(offset=4712))

    verdicts = [judge.judge(each, Known(), TOMORROW_US).refusal for each in (first, second)]

    assert verdicts == [None, Refusal.SAME_ID]


def test_skipped_letter_leaves_its_id_to_the_next() -> None:
    judge = Judge(LIMITS)
    uncorrected = Candidate(letter(), b"key", BROKEN)

    assert judge.judge(uncorrected, Known(), TOMORROW_US).refusal is Refusal.STILL_INVALID
    assert judge.judge(corrected(letter(offset=4712)), Known(), TOMORROW_US).refusal is None


def test_tombstone_has_nothing_to_send_until_it_is_edited() -> None:
    tombstone = letter(reason="tombstone", payload=None)

    assert refusal(Candidate(tombstone, b"key", None)) is Refusal.NOTHING_TO_SEND
    assert refusal(corrected(tombstone)) is None


def test_refused_row_waits_until_its_id_is_forgotten() -> None:
    refused = corrected(letter(reason="refused_by_bigquery"))
    forgotten_us = START_US + LIMITS.horizon_us

    assert refusal(refused, now_us=forgotten_us) is Refusal.STILL_REMEMBERED
    assert refusal(refused, now_us=forgotten_us + 61 * SECOND_US) is None
    assert refusal(corrected(), now_us=forgotten_us) is None


@pytest.mark.parametrize(
    "incomplete",
    [letter(reason="refused_by_bigquery"), letter(payload=b"x" * KEPT_BYTES_MAX)],
    ids=["a refused row", "a payload that was cut"],
)
def test_letter_that_is_not_the_record_cannot_be_sent_without_kafka(incomplete: DeadLetter) -> None:
    assert refusal(Candidate(incomplete, None, None)) is Refusal.BYTES_GONE
    with pytest.raises(UsageError, match="--kafka_bootstrap_servers is required"):
        commands.as_stored([incomplete], topics=None)


def test_header_that_this_tool_did_not_write_is_not_passed_on() -> None:
    """A forged arrival would make a late copy look early: the pipeline's own defence undone."""
    parent = letter(offset=1, broker_time_us=START_US - DAY_US)
    child = corrected(letter(replay_of=replay_of(parent)), event_time="2025-12-31T00:00:00Z")
    forged = corrected(letter(replay_of=replay_of(parent)._replace(original_time_us=START_US)))
    known = Known(parents={place_of(parent): parent})

    assert refusal(child, known) is None
    assert refusal(child) is Refusal.UNFOUNDED
    assert refusal(forged, known) is Refusal.UNFOUNDED


def test_letter_of_a_letter_keeps_the_first_arrival() -> None:
    first = letter(offset=1)
    second = letter(offset=2, broker_time_us=START_US + DAY_US, replay_of=replay_of(first))

    assert replay_of(second) == ReplayOf("payments", 2, 2, START_US)


@pytest.mark.parametrize(
    ("carried", "found"),
    [
        (payload(), "tx-1"),
        (BROKEN, "tx-1"),
        (payload(transaction_id=7), None),
        (b"[1]", None),
        (b"\xff", None),
        (b"", None),
        (None, None),
    ],
)
def test_id_is_read_from_whatever_has_one(carried: bytes | None, found: str | None) -> None:
    assert Candidate(letter(), None, carried).transaction_id(LIMITS.decoder) == found
