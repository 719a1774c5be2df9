"""Sends known payments on purpose: repeated ones, and ones that the new rule is about."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from google.cloud.bigquery import Row

from harness.e2e_run import E2ERun
from harness.errors import HarnessError
from harness.upgrade.next_steps import EMBARGOED
from operations import bigquery_client
from simulator.generate import Payment
from simulator.ledger import LedgerWriter, entry_of
from simulator.produce import Publisher
from simulator.routing import Router
from simulator.send import Send, send_of
from transforms.codecs import wire_format
from transforms.kafka import connection as kafka_connection
from transforms.payment.dead_letter import Reason
from transforms.payment.outcome import Outcome
from transforms.payment.tables import TRANSACTIONS

_ACKNOWLEDGED_SEC = 60


class Planned(NamedTuple):
    """A payment to send, and how it must end."""

    payment: Payment
    event_time_us: int
    expected: Outcome
    fault: str
    reason: Reason | None = None


def embargoed(name: str, count: int, expected: Outcome) -> list[Planned]:
    """Returns payments from the country that the next version takes none from."""
    now_us = time.time_ns() // 1_000
    moment = wire_format.event_time_text(now_us)
    reason = Reason.BAD_COUNTRY if expected is Outcome.INVALID else None
    facts = ("acc-embargo", "shop-embargo", "purchase", 1_000, "EUR", moment, EMBARGOED, None)
    return [
        Planned(Payment(f"{name}-{number}", *facts), now_us, expected, "embargoed", reason)
        for number in range(count)
    ]


def copies_of_accepted(e2e_run: E2ERun, count: int) -> list[Planned]:
    """Returns payments that are in the books: copies, and every fifth with another amount.

    Raises:
        HarnessError: the books hold fewer.
    """
    endpoints = e2e_run.endpoints
    client = bigquery_client.connect(endpoints["project"], endpoints["bigquery"])
    table = f"`{endpoints['project']}.{e2e_run.name}.{TRANSACTIONS.name}`"
    rows = client.query(
        "SELECT transaction_id, account_id, merchant_id, amount_minor, currency, "
        f"UNIX_MICROS(event_time) AS event_time_us FROM {table} "
        f"ORDER BY transaction_id LIMIT {count}"
    ).result()
    planned = [_copy(number, row) for number, row in enumerate(rows)]
    if len(planned) < count:
        raise HarnessError(f"only {len(planned)} payments were accepted before the stop")
    return planned


def send(e2e_run: E2ERun, part: str, planned: Sequence[Planned]) -> None:
    """Sends payments and writes a ledger of them; returns when all are acknowledged."""
    servers = e2e_run.endpoints["kafka"]
    connection = kafka_connection.for_kafka_python(servers, {})
    publisher = Publisher(servers, e2e_run.topic, connection)
    router = Router(publisher.partitions)
    path = e2e_run.folder / f"{e2e_run.name}.{part}.ledger.jsonl"
    try:
        with LedgerWriter(path) as ledger:
            for n, each in enumerate(_sends(router, planned)):
                publisher.send(n, each)
            deadline = time.monotonic() + _ACKNOWLEDGED_SEC
            while publisher.in_flight and time.monotonic() < deadline:
                for answer in publisher.acknowledged():
                    ledger.write(entry_of(answer.n, e2e_run.topic, answer.send, answer.offset))
                time.sleep(0.01)
        if publisher.failure or publisher.in_flight:
            raise HarnessError(f"{part}: not delivered: {publisher.failure or 'no answer'}")
    finally:
        publisher.close()


def _sends(router: Router, planned: Sequence[Planned]) -> Iterator[Send]:
    for payment, event_time_us, expected, fault, reason in planned:
        route = router.home(payment.account_id.encode())
        made = send_of(payment, route, event_time_us, expected, fault)
        yield made._replace(reason=reason)


def _copy(number: int, row: Row) -> Planned:
    conflicts = number % 5 == 4
    payment = Payment(
        row.transaction_id,
        row.account_id,
        row.merchant_id,
        "purchase",
        row.amount_minor + conflicts,
        row.currency,
        wire_format.event_time_text(row.event_time_us),
        None,
        None,
    )
    outcome = Outcome.CONFLICT if conflicts else Outcome.DUPLICATE
    return Planned(payment, row.event_time_us, outcome, "known_before_the_stop")
