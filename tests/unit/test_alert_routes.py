"""Each alert finds its receiver, by the tool of Alertmanager itself."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from operations.alerts import routes
from operations.alerts.catalogue import ALERTS, WATCHDOG
from tests.support import monitoring_tools


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "alertmanager.yaml"
    path.write_text(yaml.safe_dump(routes.config()))
    return path


@monitoring_tools.needed
def test_configuration_is_well_formed(config: Path) -> None:
    ended = monitoring_tools.run("amtool", "check-config", config)
    assert ended.returncode == 0, ended.stderr


@monitoring_tools.needed
def test_control_a_receiver_that_nobody_defines_is_found(config: Path) -> None:
    config.write_text(config.read_text().replace("receiver: pager", "receiver: pagr"))
    assert monitoring_tools.run("amtool", "check-config", config).returncode != 0


@monitoring_tools.needed
@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        (("alertname=PaymentsNotFresh", "severity=critical"), "pager"),
        (("alertname=PaymentsManyLate", "severity=warning"), "ticket"),
        (("alertname=PaymentsConflicts", "severity=warning", "team=fraud"), "fraud"),
        (("alertname=PaymentsRestarted", "severity=info"), "nobody"),
        (("alertname=PaymentsWatchdog", "severity=info", "team=watchdog"), "watchdog"),
        (("alertname=SomebodyElses",), "ticket"),
    ],
)
def test_each_kind_finds_its_receiver(config: Path, labels: tuple[str, ...], receiver: str) -> None:
    ended = monitoring_tools.run(
        "amtool", "config", "routes", "test", f"--config.file={config}", *labels
    )
    assert ended.stdout.strip() == receiver


def test_inhibitions_name_alerts_that_there_are() -> None:
    named = {*routes.MUTES, *(name for muted in routes.MUTES.values() for name in muted)}
    assert named | set(routes.NEVER_MUTED) <= ALERTS.keys()


def test_what_must_be_heard_is_muted_by_nothing() -> None:
    muted = {name for names in routes.MUTES.values() for name in names}
    assert muted.isdisjoint({*routes.NEVER_MUTED, WATCHDOG})
