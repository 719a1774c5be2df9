"""Sends one payment as a person wants it, and says where it is and how to follow it.

    payments send
    payments send --id=tx-mine                                a second time: a duplicate
    payments send --id=tx-mine --amount=13.00 --currency=EUR  another amount: a conflict
    payments send --age=7200                                  two hours old: late
    payments send --broken                                    a dead letter
    payments trace payments/2/4711                            what became of it

What is not said is made up, of one id always the same. With --count and --id all are copies.
It sends to any topic that it is given: what it sends to one in production is a payment there.

It belongs to the simulator, for it writes the same payloads in the same form: the sandbox knows
processes and no payments, and `payments send` works on every Kafka (docs/decisions/0029).

Exit code: 0 sent and acknowledged, 1 not delivered, 2 a mistake in the flags, 130 interrupted.
"""

from __future__ import annotations

import argparse
import dataclasses
import decimal
import hashlib
import json
import random
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from payments import exit_codes
from payments.parser import Parser, of_document
from simulator import contract_flags, destination
from simulator.contracts import find
from simulator.contracts.speech import Speech
from simulator.generate import PaymentSource, make_pools
from simulator.invalid import KINDS, Corruptor
from simulator.produce import Acknowledged, ProduceError, Publisher
from simulator.routing import Router
from simulator.send import ALLOWED_LATENESS_US, CLOCK_SKEW_US, Send, Write, send_of
from simulator.traffic import UsageError
from transforms.codecs import wire_format
from transforms.kafka import causes as kafka_causes
from transforms.payment.dead_letter import Reason
from transforms.payment.outcome import Outcome
from transforms.payment.rules import AMOUNT_MINOR_MAX, MINOR_DIGITS

_COUNT_MAX = 10_000  # more is traffic: `payments simulate`
_AGE_SEC_MAX = 10 * 366 * 86_400
_BROKEN = "currency_unknown"
_ACCOUNTS = 20
_ANSWER_SEC = 60.0
_PAUSE_SEC = 0.005
_SEC_US = 1_000_000


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What a person wants to send.

    Attributes:
        fields: of the payment, by name; the others are made up.
        age_sec: how long ago it happened; below 0 it is to happen.
        broken: what is wrong with it, one of invalid.KINDS.
    """

    count: int
    fields: dict[str, Any]
    age_sec: int = 0
    broken: str | None = None


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code (module docstring)."""
    kafka_causes.keep_to_ourselves()
    whole = parser()
    flags = whole.parse_args(argv)
    try:
        wanted = _wanted(flags)
        named = contract_flags.named(flags)
        servers = destination.servers(flags.kafka_bootstrap_servers)
        topic = destination.topic(flags.kafka_topics)
        connection = destination.connection(servers, flags.kafka_config_file)
        speech = None if named is None else Speech(find.encoder_of(named, topic))
        _check_kind(wanted.broken, speech)
    except UsageError as error:
        whole.error(str(error))
    return exit_codes.run(
        lambda: _run(wanted, (servers, topic, connection), flags.json, speech),
        {ProduceError: exit_codes.FINDING},
    )


def parser() -> Parser:
    """Returns the parser of the command line."""
    found = of_document("payments send", __doc__)
    found.add_setting("kafka_bootstrap_servers")
    found.add_setting(
        "kafka_topics", default="payments", meaning="The one to send to (default: %(default)s)."
    )
    found.add_setting("kafka_config_file", type=Path)
    contract_flags.add(found)
    found.add_argument("--count", type=int, default=1, metavar="N", help="How many (default: 1).")
    found.add_argument("--id", metavar="ID", help="Its transaction_id.")
    found.add_argument("--account", metavar="ID", help="Who pays.")
    found.add_argument("--merchant", metavar="ID", help="Who is paid.")
    found.add_argument(
        "--amount", metavar="X", help="In major units, such as 12.50; needs --currency."
    )
    found.add_argument("--currency", metavar="CODE", help="Of ISO 4217, such as EUR.")
    found.add_argument(
        "--age", type=int, default=0, metavar="SEC", help="How long ago it happened."
    )
    found.add_argument(
        "--broken",
        nargs="?",
        const=_BROKEN,
        metavar="KIND",
        help=f"Make it one that cannot be counted (default: {_BROKEN}): {', '.join(KINDS)}.",
    )
    found.add_argument("--json", action="store_true", help="Print one JSON document instead.")
    return found


def _wanted(flags: argparse.Namespace) -> Wanted:
    if not 1 <= flags.count <= _COUNT_MAX:
        raise UsageError(
            f"--count must be from 1 to {_COUNT_MAX}, got {flags.count}. Hint: `payments simulate` "
            "sends more"
        )
    if abs(flags.age) > _AGE_SEC_MAX:
        raise UsageError(f"--age must be at most {_AGE_SEC_MAX} s, got {flags.age}")
    given = {
        "transaction_id": flags.id,
        "account_id": flags.account,
        "merchant_id": flags.merchant,
        "currency": flags.currency,
        "amount_minor": _amount_minor(flags.amount, flags.currency),
    }
    fields = {name: value for name, value in given.items() if value is not None}
    return Wanted(flags.count, fields, flags.age, flags.broken)


def _amount_minor(text: str | None, currency: str | None) -> int | None:
    if currency is not None and currency not in MINOR_DIGITS:
        raise UsageError(
            f"--currency must be a code of ISO 4217, got {currency!r}. Hint: --broken sends what "
            "is none"
        )
    if text is None:
        return None
    if currency is None:
        raise UsageError("--amount needs --currency: an amount of which money?")
    try:
        minor = decimal.Decimal(text).scaleb(MINOR_DIGITS[currency])
        whole = int(minor) if minor.is_finite() and minor == int(minor) else 0
    except (decimal.InvalidOperation, OverflowError):
        whole = 0
    if not 0 < whole <= AMOUNT_MINOR_MAX:
        raise UsageError(
            f"--amount must be above 0, with at most {MINOR_DIGITS[currency]} digits behind the "
            f"point for {currency}, got {text!r}"
        )
    return whole


def _run(
    wanted: Wanted, target: tuple[str, str, dict[str, Any]], as_json: bool, speech: Speech | None
) -> int:
    topic, publisher = target[1], Publisher(*target)
    try:
        asked, sent = deliver(publisher, wanted, speech)
    finally:
        publisher.close()
    if as_json:
        print(json.dumps([_document(each, topic) for each in sent], indent=2))
    else:
        for each in sent:
            print(_line(each, topic))
        if sent:
            print(f"follow it: payments trace {_place(sent[-1], topic)}", file=sys.stderr)
    if publisher.failure is not None:
        raise publisher.failure
    if len(sent) < asked:
        raise ProduceError(
            f"{asked - len(sent)} records were not acknowledged within {_ANSWER_SEC:.0f} s: "
            "Kafka may have them or not. Hint: is a broker down?"
        )
    return exit_codes.WELL


def _check_kind(kind: str | None, speech: Speech | None) -> None:
    """Raises UsageError for a way of being broken that the form does not have."""
    known = KINDS if speech is None else speech.spoils(random.Random(0)).kinds
    if kind is not None and kind not in known:
        raise UsageError(f"--broken must be one of {', '.join(known)}, got {kind!r}")


def deliver(
    publisher: Publisher, wanted: Wanted, speech: Speech | None = None
) -> tuple[int, list[Acknowledged]]:
    """Sends the records; returns how many, and what is known of those that were acknowledged."""
    sends = list(planned(wanted, publisher.partitions, time.time_ns() // 1_000, speech))
    for n, send in enumerate(sends):
        publisher.send(n, send)
    return len(sends), sorted(_acknowledged(publisher), key=lambda each: each.n)


def planned(
    wanted: Wanted, partitions: int, now_us: int, speech: Speech | None = None
) -> Iterator[Send]:
    """Yields the records, and how each must end if nothing else has its id."""
    seed = _seed(wanted.fields.get("transaction_id"))
    source = PaymentSource(seed, make_pools(seed, _ACCOUNTS))
    router = Router(partitions)
    rng = random.Random(seed)
    corruptor = Corruptor(rng) if speech is None else speech.spoils(rng)
    write: Write = send_of if speech is None else speech.send_of
    event_time_us = now_us - wanted.age_sec * _SEC_US
    _, made = source.next(event_time_us)
    for _ in range(wanted.count):
        payment = made._replace(**wanted.fields)
        route = router.home(payment.account_id.encode())
        if wanted.broken is not None:
            yield corruptor.spoil(wanted.broken, payment, route, now_us)
        else:
            yield _aged(write(payment, route, event_time_us, Outcome.ACCEPTED, "none"), wanted)
        if "transaction_id" not in wanted.fields:
            _, made = source.next(event_time_us)


def _seed(transaction_id: str | None) -> int:
    """Returns what decides all that is made up.

    Of an id it is always the same: sent again another day, only what was asked for contradicts.
    """
    if transaction_id is None:
        return random.SystemRandom().getrandbits(48)  # ids that nobody has used
    return int.from_bytes(hashlib.sha256(transaction_id.encode()).digest()[:6])


def _aged(send: Send, wanted: Wanted) -> Send:
    if wanted.age_sec * _SEC_US > ALLOWED_LATENESS_US:
        return send._replace(expected=Outcome.LATE)
    if -wanted.age_sec * _SEC_US > CLOCK_SKEW_US:
        return send._replace(expected=Outcome.INVALID, reason=Reason.EVENT_TIME_IN_FUTURE)
    return send


def _acknowledged(publisher: Publisher) -> Iterator[Acknowledged]:
    publisher.complete()
    until = time.monotonic() + _ANSWER_SEC
    while publisher.in_flight and time.monotonic() < until:
        yield from publisher.acknowledged()
        time.sleep(_PAUSE_SEC)
    yield from publisher.acknowledged()


def _place(record: Acknowledged, topic: str) -> str:
    offset = "?" if record.offset is None else record.offset
    return f"{topic}/{record.send.partition}/{offset}"


def _line(record: Acknowledged, topic: str) -> str:
    facts = record.send.facts
    known = [facts.transaction_id, _amount(record), _expected(record.send)]
    cells = [ascii(each)[1:-1] for each in known if each]
    return "  ".join([_place(record, topic), *cells])


def _amount(record: Acknowledged) -> str | None:
    facts = record.send.facts
    if facts.amount_minor is None or facts.currency not in MINOR_DIGITS:
        return None
    amount = decimal.Decimal(facts.amount_minor).scaleb(-MINOR_DIGITS[facts.currency])
    return f"{amount:f} {facts.currency}"


def _expected(send: Send) -> str:
    if send.reason is not None:
        return f"must be {send.expected.value}: {send.reason.value}"
    unless = ", unless its id is known" if send.expected is Outcome.ACCEPTED else ""
    return f"must be {send.expected.value}{unless}"


def _document(record: Acknowledged, topic: str) -> dict[str, Any]:
    send = record.send
    return {
        "place": _place(record, topic),
        "transaction_id": send.facts.transaction_id,
        "event_time": None
        if send.event_time_us is None
        else wire_format.event_time_text(send.event_time_us),
        "expected": send.expected.value,
        "reason": send.reason and send.reason.value,
        "payload_bytes": len(send.payload or b""),
    }


if __name__ == "__main__":
    sys.exit(main())
