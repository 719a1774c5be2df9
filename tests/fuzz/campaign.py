"""Feeds spoiled inputs to the decoder and finds a crash, a hang or a reason off the list."""

from __future__ import annotations

import dataclasses
import itertools
import json
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from tests.fuzz.mutations import inputs
from tests.support.payments import START_US, payload
from transforms.bigquery.arrow_rows import ENCODERS
from transforms.codecs import batch_decode, wire_format
from transforms.payment import replay
from transforms.payment.dead_letter import DETAIL_CHARS_MAX, DeadLetter, Reason, Rejected
from transforms.payment.rules import Rules
from transforms.payment.tables import DEAD_LETTERS, TRANSACTIONS
from transforms.payment.transaction import KafkaRecord, Transaction

# CPU time, which a busy machine does not stretch. The slowest input ever seen took 5 ms.
HANG_CPU_SEC = 5.0
COUNTED = "counted"
# What cannot be a row is a crash.
_PAYMENTS, _LETTERS = ENCODERS[TRANSACTIONS.name], ENCODERS[DEAD_LETTERS.name]

Decode = Callable[[KafkaRecord], Transaction]


class Finding(Exception):
    """An input for which a promise does not hold."""

    def __init__(self, number: int, record: KafkaRecord, problem: str) -> None:
        super().__init__(f"input {number}: {problem}")
        self.record = record


class Hang(BaseException):
    """Not an Exception: nothing that is fuzzed may catch it."""


@dataclasses.dataclass
class Tally:
    """What became of the inputs."""

    outcomes: Counter[str] = dataclasses.field(default_factory=Counter)
    slowest_sec: float = 0.0

    @property
    def inputs(self) -> int:
        """Returns how many there were."""
        return self.outcomes.total()


def run(
    seed: int,
    count: int,
    decode: Decode = wire_format.decode,
    progress: Callable[[Tally], None] = lambda tally: None,
    progress_every: int = 50_000,
) -> Tally:
    """Decodes `count` inputs.

    Raises:
        Finding: at the first input for which a promise does not hold.
    """
    tally = Tally()
    judge = _Judge(decode)
    with hang_detector() as arm:
        for number, (payload, header) in enumerate(itertools.islice(inputs(seed), count), start=1):
            record = KafkaRecord("payments", 0, number, START_US, b"key", payload, header)
            started_at = time.process_time()
            arm()
            try:
                tally.outcomes[judge.outcome(record)] += 1
            except Hang:
                raise Finding(number, record, f"held up for {HANG_CPU_SEC:g} s of CPU") from None
            except Exception as error:
                raise Finding(number, record, f"{type(error).__name__}: {error}") from error
            tally.slowest_sec = max(tally.slowest_sec, time.process_time() - started_at)
            if number % progress_every == 0:
                progress(tally)
    return tally


class _Judge:
    """Takes a record from its bytes to the row that is sent to the sink."""

    def __init__(self, decode: Decode) -> None:
        self._decode = decode
        self._rules = Rules(clock_skew_us=300_000_000)

    def outcome(self, record: KafkaRecord) -> str:
        """Returns the reason for which the record is rejected, or COUNTED."""
        _check_in_company(record)
        try:
            transaction = self._decode(record)
            _check_against_another_parser(record, transaction)
            self._rules.check(transaction)
        except Rejected as rejected:
            assert isinstance(rejected.reason, Reason), rejected.reason
            letter = DeadLetter.of(record, rejected, "fuzz", replay.replay_of_or_none(record))
            assert len(letter.detail) <= DETAIL_CHARS_MAX
            _LETTERS.encode([letter], "1")
            return letter.reason
        _PAYMENTS.encode([transaction], "1")
        return COUNTED


_GOOD = KafkaRecord("payments", 0, 0, START_US, b"key", payload(), None)


def _check_in_company(record: KafkaRecord) -> None:
    """Between others, as steps decode it, a record must end as it does alone."""
    found = batch_decode.decode([_GOOD, record, _GOOD])
    try:
        expected = [wire_format.decode(record)]
    except Rejected as rejected:
        [(refused, why)] = found.rejected
        assert (refused, why.reason, why.detail) == (record, rejected.reason, rejected.detail)
        expected = []
    assert found.transactions[1:-1] == expected, "decoded otherwise in a batch"


def _check_against_another_parser(record: KafkaRecord, transaction: Transaction) -> None:
    """Python's own parser must read the same payment, and no field twice."""
    names: list[str] = []

    def noted(pairs: list[tuple[str, object]]) -> dict[str, object]:
        names[:] = [name for name, _ in pairs]  # the outermost object comes last
        return dict(pairs)

    fields = json.loads(record.payload or b"", object_pairs_hook=noted)
    assert len(set(names)) == len(names), "a field stands twice"
    for name in ("transaction_id", "account_id", "merchant_id", "currency", "amount_minor"):
        assert getattr(transaction, name) == fields[name], name
        assert type(getattr(transaction, name)) is type(fields[name]), name


@contextmanager
def hang_detector() -> Iterator[Callable[[], None]]:
    """Gives a function that starts the time of the next input."""

    def raise_hang(_signal_number: int, _frame: FrameType | None) -> None:
        raise Hang

    before = signal.signal(signal.SIGVTALRM, raise_hang)
    try:
        yield lambda: signal.setitimer(signal.ITIMER_VIRTUAL, HANG_CPU_SEC) and None
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
