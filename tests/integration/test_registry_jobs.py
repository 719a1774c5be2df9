"""Jobs whose schema registry is away: DirectRunner. Flink is the fault registry-stop."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from harness import avro_payments, programs
from harness.e2e_run import E2ERun
from harness.errors import HarnessError
from harness.progress import Watch
from sandbox.sandbox import Sandbox
from tests.integration.sandbox_clients import wait_until
from tests.support import registry_proxy
from transforms.payment.outcome import Outcome

pytestmark = pytest.mark.integration

MODULE = "harness.impatient"
NOBODYS_ID = 999_999


def sent(run: E2ERun, registry: str, contract: str) -> E2ERun:
    """Returns the run with payments of three schemas in its topic, and one of nobody's."""
    servers, first = run.endpoints["kafka"], avro_payments.FIRST
    for schema in (first, avro_payments.SECOND, avro_payments.THIRD):
        schema_id = avro_payments.register(registry, run.topic, schema)
        avro_payments.send(servers, run.topic, schema_id, schema, 50)
    avro_payments.send(servers, run.topic, NOBODYS_ID, first, 1)
    return dataclasses.replace(run, contract=contract)


def test_registry_that_is_away_writes_nothing_and_one_that_comes_back_loses_nothing(
    sandbox: Sandbox, registry: str, e2e_run: E2ERun, tmp_path: Path
) -> None:
    run = sent(e2e_run, registry, avro_payments.contract(tmp_path, registry))
    watch = Watch(run, None)
    sandbox.kill("registry", restart=False)
    try:
        with pytest.raises(HarnessError) as failed:
            run.run_direct(["--registry_patience_sec=2"], MODULE)
        seen = watch.look()
        waiting = programs.start(
            MODULE, [*direct(run), "--registry_patience_sec=120"], tmp_path / "waiting.log"
        )
        wait_until(lambda: "asking again" in waiting.log.read_text())
    finally:
        watch.close()
        sandbox.restart("registry")

    log = str(failed.value)
    errors = [line for line in log.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and "Traceback" not in log, log
    assert f"schema registry {registry}: ConnectionError. Hint: is it running" in errors[0]
    assert "(asked again for " in errors[0] and "this ends the job" not in errors[0]
    assert (seen.read_from, seen.queryable) == (151, 0)

    waiting.wait(120)
    report = run.reconcile(wait_sec=0, by_ledger=False)
    assert report.balanced, report.text()
    assert report.counts.outcomes[Outcome.ACCEPTED] == 150
    assert report.counts.outcomes[Outcome.INVALID] == 1, "the id of nobody, and no other"


def direct(run: E2ERun) -> list[str]:
    return ["--runner=DirectRunner", *run.flags(), run.flink_flag, *run.contract_flags]


def test_job_asks_with_its_certificate_and_its_password(
    registry: str, e2e_run: E2ERun, tmp_path: Path
) -> None:
    with registry_proxy.in_front_of(registry, tmp_path, "basic", mutual=True) as proxy:
        login = proxy.login(basic=registry_proxy.USER_INFO, certificate=proxy.files.client)
        run = sent(e2e_run, registry, avro_payments.contract(tmp_path, proxy.url, login))
        run.run_direct()

    assert {path for status, path in proxy.asked if status == 200}
    logs = "".join(log.read_text() for log in tmp_path.rglob("*.log"))
    assert registry_proxy.USER_INFO.partition(":")[2] not in logs
