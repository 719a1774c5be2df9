"""Each alert, in Prometheus' own evaluation: silent one step below, firing above, over after."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from operations.alerts import rule_files
from operations.alerts.catalogue import ALERTS, WATCHDOG
from operations.alerts.rule import Shape
from tests.support import monitoring_tools
from tests.support.alert_cases import CASES, MORE_CASES, Case, for_promtool

pytestmark = monitoring_tools.needed


def evaluated(folder: Path, rules: Any, name: str, case: Case) -> str:
    """Returns what promtool says against a case, empty when all is as expected."""
    (folder / "rules.yaml").write_text(yaml.safe_dump(rules))
    test = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": f"{case.step_min}m",
        "group_eval_order": ["payments.recorded", "payments.alerts"],
        "tests": [for_promtool(name, case)],
    }
    (folder / "test.yaml").write_text(yaml.safe_dump(test))
    ended = monitoring_tools.run("promtool", "test", "rules", folder / "test.yaml")
    return "" if ended.returncode == 0 else ended.stdout + ended.stderr


def shipped(interval_min: int = 1) -> Any:
    return rule_files.groups(Shape(), evaluated_sec=60 * interval_min)


def test_every_alert_has_a_case() -> None:
    assert CASES.keys() == ALERTS.keys() - {WATCHDOG}


@pytest.mark.parametrize("name", CASES)
def test_fires_and_resolves(name: str, tmp_path: Path) -> None:
    assert evaluated(tmp_path, shipped(CASES[name].step_min), name, CASES[name]) == ""


@pytest.mark.parametrize("number", range(len(MORE_CASES)))
def test_fires_for_its_other_reason(number: int, tmp_path: Path) -> None:
    name, case = MORE_CASES[number]
    assert evaluated(tmp_path, shipped(case.step_min), name, case) == ""


def test_control_a_misspelt_metric_never_fires(tmp_path: Path) -> None:
    rules = yaml.safe_load(yaml.safe_dump(shipped()).replace("newest_row_age", "newest_raw_age"))

    said = evaluated(tmp_path, rules, "PaymentsNotFresh", CASES["PaymentsNotFresh"])

    assert "PaymentsNotFresh" in said


def test_rules_and_their_fast_shape_are_well_formed(tmp_path: Path) -> None:
    for shape in (Shape(), Shape(0.05, 15)):
        (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rule_files.groups(shape)))
        ended = monitoring_tools.run("promtool", "check", "rules", tmp_path / "rules.yaml")
        assert ended.returncode == 0, ended.stdout + ended.stderr
