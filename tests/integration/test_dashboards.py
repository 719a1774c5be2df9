"""Every query of a panel is asked of a real Prometheus, after traffic: none may be empty."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import ProxyHandler, build_opener

import pytest

from harness import waits
from harness.e2e_run import E2ERun
from operations.dashboards import catalogue
from operations.reconcile import command as reconcile
from sandbox import monitoring
from sandbox.errors import SandboxError
from sandbox.sandbox import Sandbox

pytestmark = [pytest.mark.integration, pytest.mark.slow]

QUERIES = [query for panel in catalogue.panels() for query in panel.queries if not query.needs]
WAIT_SEC, POLL_SEC = 150, 1
NAME = "dashboards"


@pytest.fixture(scope="module")
def monitored(sandbox: Sandbox) -> Iterator[Sandbox]:
    try:
        monitoring.require_tools()
    except SandboxError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))
    sandbox.up(monitored=True)
    yield sandbox
    sandbox.stop_monitoring()


@pytest.fixture(scope="module")
def prometheus(monitored: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of one that has seen a job count some minutes of traffic, and a verdict."""
    run = E2ERun(NAME, monitored.endpoints(), tmp_path_factory.mktemp("run"))
    run.prepare()
    monitored.watch(NAME, NAME)
    job = run.submit_to_flink(["--checkpointing_interval=5000"])
    sender = run.simulate(["--rate_per_sec=50", "--count=9000"])
    # Some are counted, others wait: the verdict of these is asked for anyway.
    waits.wait_for_rows(run, job, WAIT_SEC)
    endpoints = monitored.endpoints()
    reconcile.main(
        [
            f"--kafka_bootstrap_servers={endpoints['kafka']}",
            f"--kafka_topics={NAME}",
            f"--bigquery_dataset=sandbox.{NAME}",
            f"--bigquery_endpoint={endpoints['bigquery']}",
            "--until=10m",
        ]
    )
    yield endpoints["prometheus"]
    sender.stop()
    run.flink.cancel(job)


def ask(address: str, expression: str) -> list[float]:
    """Returns the last value of each series."""
    query = urlencode({"query": expression})
    with build_opener(ProxyHandler({})).open(
        f"http://{address}/api/v1/query?{query}", timeout=20
    ) as answer:
        found = json.load(answer)
    assert found["status"] == "success", found
    return [float(each["value"][1]) for each in found["data"]["result"]]


def test_no_panel_is_empty(prometheus: str) -> None:
    deadline = time.monotonic() + WAIT_SEC
    while (empty := still_empty(prometheus)) and time.monotonic() < deadline:
        time.sleep(POLL_SEC)

    assert empty == []


def still_empty(prometheus: str) -> list[str]:
    asked = [query.expression for query in QUERIES]
    return [expression for expression in asked if not some(ask(prometheus, expression))]


def some(values: list[float]) -> bool:
    return bool(values) and not all(map(math.isnan, values))


def test_control_a_misspelt_metric_is_empty(prometheus: str) -> None:
    assert not some(ask(prometheus, "sum(payments_lag_record)"))


def test_pages_of_pictures_are_not_claimed() -> None:
    page = (Path(__file__).parents[2] / "docs/monitoring.md").read_text()

    assert "never opened in Grafana" in page
