"""Sends dead letters again, chunk by chunk: looks up, decides, sends, writes the receipt."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from operations.dead_letters import producer, topic
from operations.dead_letters.candidate import Candidate, Known
from operations.dead_letters.history import History
from operations.dead_letters.letters import name_of
from operations.dead_letters.producer import NotSent, ReplayProducer
from operations.dead_letters.receipt import Receipt
from operations.dead_letters.topic import TopicReader
from operations.dead_letters.verdict import Judge, Verdict
from operations.errors import ReplayError
from operations.reconcile.settings import Topics
from operations.reconcile.truth import Limits, Partition, Place

_CHUNK = 500
# What must be left of the horizon beside the lag: it takes up to a minute to deliver a record, and
# rows of one checkpoint become visible one stream after the other.
SLACK_SEC_MIN = 240


@dataclasses.dataclass(frozen=True)
class SendConfig:
    """How to send.

    Attributes:
        topics: where the pipeline reads; no names for every topic that the tables have rows of.
        limits: the limits that the pipeline runs with.
        lag_max_us: how long a record may have waited for the pipeline, microseconds.
        to_topic: another topic than the letter's own.
        really: send; otherwise only tell what would be sent.
    """

    topics: Topics
    limits: Limits
    lag_max_us: int
    to_topic: str | None = None
    really: bool = False
    again: bool = False
    even_invalid: bool = False

    def target(self, candidate: Candidate) -> str:
        """Returns the topic to send to."""
        return self.to_topic or candidate.letter.topic

    @property
    def stale_after_sec(self) -> float:
        """Returns how long what was looked up may be acted on.

        Half of what the lag leaves of the horizon. What is accepted meanwhile is remembered by the
        pipeline when the replay arrives, and the other half is for its delivery.
        """
        return (self.limits.horizon_us - self.lag_max_us) / 2e6


class Result(NamedTuple):
    """What became of one letter."""

    place: Place
    transaction_id: str | None
    done: str  # sent, would be sent, skipped, failed
    detail: str

    @property
    def well(self) -> bool:
        """Tells whether the letter went, or would go."""
        return self.done in ("sent", "would be sent")


def send(
    candidates: Sequence[Candidate],
    history: History,
    receipt: Receipt,
    config: SendConfig,
    progress: Callable[[str], None],
) -> Iterator[Result]:
    """Yields what became of each letter, in the order of their arrival.

    Raises:
        ReplayError: a service does not answer, or the pipeline is too far behind to tell what it
            has counted. What was yielded until then is done.
    """
    if config.really:
        receipt.require_writable()
    judge = Judge(config.limits, config.again, config.even_invalid)
    candidates = sorted(candidates, key=lambda each: each.letter.broker_time_us)
    with topic.connected(config.topics) as reader, _outbox(config) as sender:
        reader.require({*config.topics.names, *map(config.target, candidates)})
        for start in range(0, len(candidates), _CHUNK):
            chunk = candidates[start : start + _CHUNK]
            looked_at = time.monotonic()
            known = _look(chunk, history, reader, receipt, config)
            now_us = time.time_ns() // 1_000
            verdicts = [(each, judge.judge(each, known, now_us)) for each in chunk]
            yield from _act(verdicts, sender, receipt, config, looked_at)
            if len(candidates) > _CHUNK:
                progress(f"{start + len(chunk)} of {len(candidates)} dead letters are done")


def _look(
    chunk: Sequence[Candidate],
    history: History,
    reader: TopicReader,
    receipt: Receipt,
    config: SendConfig,
) -> Known:
    """Finds out all that the verdicts rest on.

    The order matters. What the tables do not show yet is waiting in Kafka, for no longer than the
    lag that is allowed, and is looked for there last.
    """
    newest = history.newest()
    targets = {config.target(each) for each in chunk}
    read = targets | (set(config.topics.names) or {topic for topic, _ in newest})
    since_us = time.time_ns() // 1_000 - config.lag_max_us
    _refuse_lag(reader, read, newest, since_us, config)
    places = [each.place for each in chunk]
    found = (each.transaction_id(config.limits.decoder) for each in chunk)
    ids = {each for each in found if each is not None}
    replayed = [Place.of(of) for each in chunk if (of := each.letter.replay_of) is not None]
    return Known(
        history.counted(ids),
        history.fates(places),
        reader.replays_since(read, since_us - config.limits.arrival.slack_us),
        history.letters(replayed) if replayed else {},
        receipt.sent,
    )


def _refuse_lag(
    reader: TopicReader,
    topics: set[str],
    newest: Mapping[Partition, int],
    since_us: int,
    config: SendConfig,
) -> None:
    for waiting in reader.waiting(topics, newest, config.limits.arrival):
        if waiting.broker_time_us < since_us:
            behind_sec = (since_us + config.lag_max_us - waiting.broker_time_us) / 1e6
            raise ReplayError(
                f"the pipeline has no row of {name_of(waiting.place)}, which arrived "
                f"{behind_sec:.0f} s ago; at most {config.lag_max_us / 1e6:.0f} s are allowed "
                "(--lag_max_sec), or what it has counted cannot be known. Hint: is the pipeline "
                "running, and are --kafka_topics the ones that it reads?"
            )


def _act(
    verdicts: Sequence[tuple[Candidate, Verdict]],
    sender: ReplayProducer | None,
    receipt: Receipt,
    config: SendConfig,
    looked_at: float,
) -> Iterator[Result]:
    started = [
        None if verdict.refusal or sender is None else _put(sender, candidate, config, looked_at)
        for candidate, verdict in verdicts
    ]
    for (candidate, verdict), sending in zip(verdicts, started, strict=True):
        done, detail = "would be sent", verdict.detail
        if verdict.refusal is not None:
            done, detail = "skipped", f"{verdict.refusal.value}: {verdict.detail}"
        elif sender is not None:
            done, detail = _finish(sender, candidate, sending, receipt)
        transaction_id = candidate.transaction_id(config.limits.decoder)
        yield Result(candidate.place, transaction_id, done, detail)


def _put(
    sender: ReplayProducer, candidate: Candidate, config: SendConfig, looked_at: float
) -> object:
    if time.monotonic() - looked_at > config.stale_after_sec:
        return NotSent("it took too long since the tables were asked")
    try:
        return sender.put(candidate, config.target(candidate))
    except NotSent as error:
        return error


def _finish(
    sender: ReplayProducer, candidate: Candidate, sending: object, receipt: Receipt
) -> tuple[str, str]:
    try:
        if isinstance(sending, NotSent):
            raise sending
        place = sender.place(sending)
    except NotSent as error:
        return "failed", f"{error}; send again: it is skipped if Kafka has it all the same"
    try:
        receipt.add(candidate, place)
    except OSError as error:
        raise ReplayError(
            f"{name_of(candidate.place)} was sent as {name_of(place)}, but the receipt cannot be "
            f"written: {error.strerror}"
        ) from None
    return "sent", f"as {name_of(place)}"


@contextlib.contextmanager
def _outbox(config: SendConfig) -> Iterator[ReplayProducer | None]:
    if not config.really:
        yield None
        return
    with producer.connected(config.topics) as sender:
        yield sender
