"""The whole pipeline by contract: as many payments in each format, from Kafka to the tables.

Each has a topic of its own, written by the simulator as the contract says, and is run by the same
pipeline on the same sandbox. Our own JSON goes first: the others are compared with it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tabulate import tabulate

from benchmarks import on_beam, traffic, usage
from benchmarks.stage import Measured, Stage
from harness import contracts
from harness.e2e_run import E2ERun
from sandbox.sandbox import Sandbox
from simulator.contracts import find
from simulator.generate import Payment

NATIVE = "native"
# Foreign JSON, Avro of a schema registry, Protobuf.
OTHERS = ("stripe", "debezium-avro", "protobuf")
_EVENT_TIME_US = 1_795_421_730_250_000


class ByContract(NamedTuple):
    """How the pipeline did with one contract."""

    measured: Measured
    record_bytes: int


def measure(
    asked: argparse.Namespace, sandbox: Sandbox, folder: Path, say: Callable[[str], None]
) -> Iterator[ByContract]:
    """Runs the pipeline by our own contract and by the others, or by the one that is asked for."""
    others = [each for each in OTHERS if asked.only == each] or OTHERS
    for name in (NATIVE, *others):
        say(f"{name}: sending {asked.records} records")
        run = E2ERun(f"bench_{time.strftime('%H%M%S')}", sandbox.endpoints(), folder)
        filled = traffic.fill(contracts.speaking(run, sandbox, name), asked.records, asked.seed)
        stage = Stage(sandbox, folder, filled, say, tuple(asked.pipeline_flags))
        yield ByContract(on_beam.run_pipeline(stage, name), _record_bytes(name))


def _record_bytes(name: str) -> int:
    payment = Payment(
        transaction_id="tx-0123456789abcdef",
        account_id="acc-00017",
        merchant_id="shop-009",
        payment_type="purchase",
        amount_minor=125_000,
        currency="EUR",
        event_time="",
        country="DE",
        device_id="dev-4",
    )
    _, written = find.encoder_at_hand(find.Named(name)).encode(payment, _EVENT_TIME_US)
    return len(written.payload or b"")


def text(found: Sequence[ByContract]) -> str:
    """Returns the table. Ratios are of rates, and of CPU, measured in this very run."""
    native = next((each.measured for each in found if each.measured.name == NATIVE), None)
    rows = [
        (
            each.measured.name,
            each.record_bytes,
            each.measured.records,
            f"{each.measured.rate_per_sec:,.0f}",
            _ratio(each.measured.rate_per_sec, native and native.rate_per_sec),
            f"{each.measured.cpu_sec_per_million:.0f}",
            _ratio(each.measured.cpu_sec_per_million, native and native.cpu_sec_per_million),
            "yes" if each.measured.exact else "NO",
        )
        for each in found
    ]
    headers = (
        *("end to end by contract", "bytes", "records", "records/s", "of native"),
        *("CPU s per million", "of native", "exact"),
    )
    return tabulate(rows, headers=headers, disable_numparse=True, stralign="right")


def _ratio(value: float, native: float | None) -> str:
    return f"{value / native:.2f}" if native else "-"


def document(found: Sequence[ByContract]) -> list[dict[str, Any]]:
    """Returns everything for programs."""
    return [
        {
            **each.measured._asdict(),
            "record_bytes": each.record_bytes,
            "exact": each.measured.exact,
            "usd_per_million": usage.usd(each.measured.cpu_sec_per_million),
        }
        for each in found
    ]
