"""A schema registry that stops beneath a job of its own, whose payments need it."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

from harness import avro_payments
from harness.e2e_run import E2ERun
from harness.errors import HarnessError
from harness.faults.fault_context import START_SEC, FaultContext
from operations.reconcile.report import Report
from transforms.payment.outcome import Outcome

_NAME = "registry"
_MODULE = "harness.impatient"
_COUNTED_SEC = 120
_COUNT = 500
_NOBODYS_ID = 999_999
# What a worker logs when the registry gave no answer.
_ASKS_AGAIN = "asking again"
# Longer than a registry takes to come back on a busy machine.
_PATIENCE = "--registry_patience_sec=30"


def stop_registry(context: FaultContext) -> None:
    """Stops the registry of a job of its own: first for a while, then for longer than it waits.

    Each time payments come whose schema nobody has asked for yet.
    """
    sandbox, folder = context.stage.sandbox, context.stage.e2e_run.folder
    registry = sandbox.up(with_registry=True)["registry"]
    name = f"registry_{context.seed}_{time.strftime('%H%M%S')}"
    said = avro_payments.contract(folder, registry)
    e2e_run = E2ERun(name, sandbox.endpoints(), folder, contract=said)
    e2e_run.prepare()
    schemas = (avro_payments.FIRST, avro_payments.SECOND, avro_payments.THIRD)
    ids = [avro_payments.register(registry, e2e_run.topic, each) for each in schemas]
    own = dataclasses.replace(context.stage, e2e_run=e2e_run)
    own.job = e2e_run.submit_to_flink([_PATIENCE], _MODULE, START_SEC)
    its = dataclasses.replace(context, stage=own)
    try:
        _send(e2e_run, ids[0], schemas[0])
        _require(_report(e2e_run), 0)
        _away_for_a_while(its, ids[1], schemas[1])
        _away_for_good(its, ids[2], schemas[2])
    finally:
        e2e_run.flink.cancel(own.job)


def _away_for_a_while(context: FaultContext, schema_id: int, schema: str) -> None:
    """Brings the registry back while the job asks again: it goes on as if nothing had been."""
    e2e_run, before = context.stage.e2e_run, _asked_again(context)
    context.kill(_NAME, restart=False)
    _send(e2e_run, schema_id, schema)
    context.wait("the job asks again", lambda: _asked_again(context) > before)
    context.start(_NAME)
    _require(_report(e2e_run), 0)
    if e2e_run.flink.checkpoints(context.stage.job).restored:
        raise HarnessError("the job began anew although the registry came back in time")
    context.stage.say("the registry came back in time: every payment is counted")


def _away_for_good(context: FaultContext, schema_id: int, schema: str) -> None:
    """Leaves the registry away until the job ends, and resumes that when it is back."""
    e2e_run, flink, job = context.stage.e2e_run, context.stage.e2e_run.flink, context.stage.job
    context.kill(_NAME, restart=False)
    try:
        _send(e2e_run, schema_id, schema)
        # Flink tells how a job has ended up to three seconds before it tells why.
        context.wait(
            "the job has ended because of its registry",
            lambda: (
                flink.jobs()[job] == "FAILED" and "RegistryUnavailable" in flink.newest_failure(job)
            ),
        )
    finally:
        context.start(_NAME)
    report = e2e_run.reconcile(0, by_ledger=False)
    if report.missing != _COUNT or report.double or report.counts.outcomes[Outcome.INVALID]:
        raise HarnessError(f"no record may be judged without its schema: {report.text()}")
    context.stage.say(f"job {job} has ended, and none of {_COUNT} payments is judged")
    _send(e2e_run, _NOBODYS_ID, schema, 1)
    checkpoints = Path(e2e_run.endpoints["checkpoints"]) / job
    context.stage.job = e2e_run.submit_to_flink(
        [f"--resume={checkpoints}", _PATIENCE], _MODULE, START_SEC
    )
    _require(_report(e2e_run), 1)


def _send(e2e_run: E2ERun, schema_id: int, schema: str, count: int = _COUNT) -> None:
    servers = e2e_run.endpoints["kafka"]
    avro_payments.send(servers, e2e_run.topic, schema_id, schema, count)


def _report(e2e_run: E2ERun) -> Report:
    return e2e_run.reconcile(_COUNTED_SEC, by_ledger=False)


def _require(report: Report, invalid: int) -> None:
    if not report.balanced or report.counts.outcomes[Outcome.INVALID] != invalid:
        raise HarnessError(f"{invalid} dead letters are right, got: {report.text()}")


def _asked_again(context: FaultContext) -> int:
    """Returns how often workers have said that they ask the registry again."""
    logs = Path(context.stage.e2e_run.endpoints["logs"])
    return sum(log.read_text(errors="replace").count(_ASKS_AGAIN) for log in logs.glob("*.log"))
