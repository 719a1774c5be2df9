"""An exporter of a real job serves what a reconciliation counts, record for record."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import programs
from harness.e2e_run import E2ERun
from harness.programs import Program
from operations.reconcile import command as reconcile
from payments import exit_codes
from tests.integration.sandbox_clients import wait_until
from tests.support.exporter_world import Values, values_of
from transforms.payment.outcome import Outcome

pytestmark = pytest.mark.integration

MIX = (
    "--duplicate_ratio=0.03",
    "--conflict_ratio=0.02",
    "--late_ratio=0.02",
    "--invalid_ratio=0.05",
)
TAIL_SEC = 180


class Exporter:
    """A running exporter of an end-to-end run."""

    def __init__(self, e2e_run: E2ERun, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._address = f"127.0.0.1:{free.getsockname()[1]}"
        paces = [f"--{source}_every_sec=2" for source in ("kafka", "tables", "audit", "flink")]
        where = [*e2e_run.flags(), e2e_run.flink_flag, f"--listen={self._address}"]
        flags = ["exporter", *where, *paces, "--window_sec=3600"]
        self.program: Program = programs.start("payments", flags, folder / "exporter.log")

    def values(self) -> Values:
        try:
            with urllib.request.urlopen(f"http://{self._address}/metrics", timeout=10) as answer:
                return values_of(answer.read().decode())
        except urllib.error.URLError:
            return {}  # it is not up yet


@pytest.fixture
def exporter(e2e_run: E2ERun, tmp_path: Path) -> Iterator[Exporter]:
    running = Exporter(e2e_run, tmp_path)
    try:
        yield running
    finally:
        running.program.stop()


def waiting(values: Values) -> float | None:
    """Returns how many records wait, None while that is not known."""
    lags = [value for (name, _), value in values.items() if name == "payments_lag_records"]
    return sum(lags) if lags else None


def test_figures_are_those_of_the_reconciliation(e2e_run: E2ERun, exporter: Exporter) -> None:
    e2e_run.simulate(["--rate_per_sec=0", "--count=3000", *MIX]).wait(60)
    wait_until(lambda: waiting(exporter.values()) == 3_000, TAIL_SEC)  # no job has read them

    e2e_run.submit_to_flink()
    report = e2e_run.reconcile(TAIL_SEC)
    assert report.balanced, report.text()
    wait_until(lambda: waiting(exporter.values()) == 0, TAIL_SEC)
    assert reconcile.main(e2e_run.flags()) == exit_codes.WELL
    wait_until(lambda: ("payments_reconcile_balanced", ()) in exporter.values(), TAIL_SEC)
    wait_until(lambda: ("payments_watermark_age_seconds", ()) in exporter.values(), TAIL_SEC)

    values = exporter.values()
    found = {each: values["payments_recent_records", (each.value,)] for each in Outcome}
    assert found == {each: report.counts.outcomes[each] for each in Outcome}
    reasons = sum(value for (name, _), value in values.items() if "dead_letters" in name)
    assert reasons == report.counts.outcomes[Outcome.INVALID]
    for line in report.partitions:
        place = (line.topic, str(line.partition))
        begin, end = (values[f"payments_topic_{name}_offset", place] for name in ("begin", "end"))
        assert end - begin == line.records
        assert values["payments_reach_offset", place] == end
    assert values["payments_newest_row_age_seconds", ()] == 0
    assert values["payments_reconcile_balanced", ()] == 1
    assert values["payments_claim_held", ()] == 1
    assert values["payments_claim_lost", ()] == 0
    assert values["payments_job_lives", ()] == 1
    assert values["payments_state_bytes", ()] > 0
    for source in ("kafka", "tables", "audit", "flink"):
        assert values["payments_probe_success", (source,)] == 1
