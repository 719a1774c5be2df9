"""Payments of shipped contracts, from the simulator to the books: each record ends as meant.

The other contracts go the same way by `make demo RUNNER=direct CONTRACT=NAME`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import contracts
from harness.e2e_run import E2ERun
from sandbox.sandbox import Sandbox

pytestmark = pytest.mark.integration

MIX = (
    "--duplicate_ratio=0.05",
    "--conflict_ratio=0.02",
    "--late_ratio=0.02",
    "--invalid_ratio=0.05",
    "--rate_per_sec=400",
)


def run_of(name: str, sandbox: Sandbox, folder: Path) -> E2ERun:
    run = E2ERun(f"contract_{name}".replace("-", "_"), sandbox.endpoints(), folder)
    run = contracts.speaking(run, sandbox, name)
    run.prepare()
    return run


# One of each kind: digits of its own, headers, a payload in a payload, a registry, a binary one.
@pytest.mark.parametrize(
    "name", ["stripe", "cloudevents", "mojaloop", "confluent-avro", "protobuf"]
)
def test_every_record_ends_as_the_simulator_meant(
    name: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    run = run_of(name, sandbox, tmp_path)
    run.simulate([*MIX, "--count=400"]).wait(60)
    run.run_direct()

    report = run.reconcile(wait_sec=0)

    assert report.balanced, report.text()


@pytest.mark.parametrize("name", ["hyperswitch", "debezium-avro"])
def test_a_kill_loses_and_doubles_nothing(name: str, sandbox: Sandbox, tmp_path: Path) -> None:
    run = run_of(name, sandbox, tmp_path)
    job = run.submit_to_flink()
    try:
        simulator = run.simulate([*MIX, "--count=6000"])
        sandbox.kill("taskmanager-1")
        simulator.wait(120)

        report = run.reconcile(wait_sec=120)
    finally:
        run.flink.cancel(job)

    assert report.balanced, report.text()
