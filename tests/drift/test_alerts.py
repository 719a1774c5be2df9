"""Alerts: their files are current, ask only for what is served, and know the limits of others."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from operations.alerts import of_the_books, of_the_job, rule_files
from operations.alerts.catalogue import ALERTS, FLINK_COUNTER_PREFIX, FLINK_METRICS, RECORDINGS
from operations.alerts.limits import FRESH_SHARE, LIMITS, SLO_DAYS
from operations.alerts.rule import Shape
from operations.exporter.metric_names import METRICS
from operations.health import limits as health
from transforms.payment.metric_names import CounterName

REPOSITORY = Path(__file__).parents[2]
TERRAFORM = (REPOSITORY / "templates/dataflow/terraform/alerts.tf").read_text()
SLO = (REPOSITORY / "docs/slo.md").read_text()
KNOWN = {
    *METRICS,
    *FLINK_METRICS,
    *(FLINK_COUNTER_PREFIX + name for name in get_args(CounterName)),
    *(rule.name for rule in RECORDINGS),
    "up",
}
EXPRESSIONS = {rule.name: rule.expression(Shape()) for rule in (*RECORDINGS, *ALERTS.values())}
_WORDS = {"and", "or", "unless", "on", "by", "bool", "group_left"}


def metrics_in(expression: str) -> set[str]:
    """Returns the metrics that an expression asks for."""
    bare = re.sub(r'\{[^}]*\}|"[^"]*"|\[[^\]]*\]', "", expression)
    bare = re.sub(r"\b(on|by|group_left) ?\([^)]*\)", "", bare)
    names = re.findall(r"(?<![\w:.])[a-zA-Z_:][\w:]*\b(?!\s*\()", bare)
    return set(names) - _WORDS


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_every_metric_in_a_rule_is_served(name: str) -> None:
    asked = metrics_in(EXPRESSIONS[name])
    assert asked <= KNOWN
    assert asked or name == "PaymentsWatchdog"


def test_control_a_misspelt_metric_is_found() -> None:
    asked = metrics_in("sum(payment_lag_records) > 1 and on() payments_stopped_tasks == 0")
    assert asked - KNOWN == {"payment_lag_records"}


def test_generated_files_are_current() -> None:
    for path, text in rule_files.generated().items():
        assert path.read_text() == text, "payments alerts generate"


def test_control_a_file_that_somebody_changed_is_found(tmp_path: Path) -> None:
    rule_files.generate(tmp_path)
    assert rule_files.generate(tmp_path) == []
    changed = tmp_path / "deploy/monitoring/prometheus-rules.yaml"
    changed.write_text(changed.read_text().replace("> 60", "> 90"))
    assert rule_files.generate(tmp_path) == [changed]


def test_every_limit_of_health_has_an_alert() -> None:
    asked = Path(of_the_books.__file__).read_text() + Path(of_the_job.__file__).read_text()
    assert {name for name in health.LIMITS if f"limit('{name}')" not in asked} == set()
    assert {name: LIMITS[name] for name in health.LIMITS} == {
        name: default for name, (default, _) in health.LIMITS.items()
    }


# --- Cloud Monitoring -----------------------------------------------------------------------------

# What Dataflow's own metrics say, under other names. The job's failure is told at once there.
PARITY = {
    "the job has failed": ("PaymentsJobNotRunning", None),
    "records wait for over a minute": ("PaymentsNotFresh", "newest_row_age_sec"),
    "what is queryable is over a minute old": ("PaymentsWatermarkOld", "watermark_age_sec"),
    "over 2 % of the records are duplicates": ("PaymentsManyDuplicates", "duplicate_ratio"),
    "BigQuery refuses rows": ("PaymentsRefusedByBigQuery", None),
    "over 1 % of the records are invalid": ("PaymentsManyDeadLetters", "dead_letter_ratio"),
}
_POLICY = r'^    "([^"]+)" = \{\n\s+query\s+= "(.*)"\n\s+duration = "(\d+)s"'


def different(terraform: str) -> list[str]:
    """Returns the policies of Cloud Monitoring that are other ones than the alerts."""
    found = {
        name: (query, int(seconds))
        for name, query, seconds in re.findall(_POLICY, terraform, re.MULTILINE)
    }
    problems = sorted(found.keys() ^ PARITY.keys())
    for name, (alert, limit) in PARITY.items():
        query, seconds = found.get(name, ("> 0", 0))
        asked = float(query.rpartition(">")[2])
        same_wait = seconds == ALERTS[alert].lasts_sec or name == "the job has failed"
        if asked != (LIMITS[limit] if limit else 0) or not same_wait:
            problems.append(name)
    return problems


def test_cloud_monitoring_has_the_same_limits_and_waits() -> None:
    assert different(TERRAFORM) == []


def test_control_another_limit_there_is_found() -> None:
    assert different(TERRAFORM.replace("> 0.02", "> 0.03")) == [
        "over 2 % of the records are duplicates"
    ]


# --- Service level --------------------------------------------------------------------------------


def test_page_of_the_service_level_says_what_rules_say() -> None:
    budget_min = round((1 - FRESH_SHARE) * SLO_DAYS * 24 * 60)
    for said in (
        f"{FRESH_SHARE:.1%}".replace("%", " %"),
        f"{SLO_DAYS} days",
        f"{LIMITS['newest_row_age_sec']} s",
        f"{budget_min} minutes",
    ):
        assert said in SLO
    burns = (
        EXPRESSIONS["PaymentsFreshnessBudgetBurns"] + EXPRESSIONS["PaymentsFreshnessBudgetLeaks"]
    )
    factors = re.findall(r"ratio(\w+) > ([\d.]+) \*", burns)
    told = re.findall(r"^\| (\d+\w) and (\d+\w) \| ([\d.]+) \|", SLO, re.MULTILINE)
    pairs = {
        (long, short, factor) for (long, factor), (short, _) in zip(factors[::2], factors[1::2])
    }
    assert set(told) == pairs
