"""Every metric that the exporter serves is declared, served when there is all, and in the page."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from operations.exporter.metric_names import METRICS, SOURCES
from operations.exporter.readings import Sample
from tests.support import exporter_world
from tests.support.exporter_world import Rounds
from tests.support.fake_flink import failure, fake_flink, job

PAGE = (Path(__file__).parents[2] / "docs/monitoring.md").read_text()


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> str:
    """The text of an exporter all of whose sources have said all that they can say."""
    exporter_world.world(monkeypatch)
    with fake_flink() as flink:
        flink.put(job(), failures=[failure()])
        rounds = Rounds(flink.address)
        rounds.look()
        return rounds.text()


def test_every_metric_is_served_with_its_meaning_type_and_labels(served: str) -> None:
    families = {family.name: family for family in text_string_to_metric_families(served)}

    assert families.keys() == METRICS.keys()
    for name, metric in METRICS.items():
        family = families[name]
        assert (family.type, family.documentation) == ("gauge", metric.meaning)
        assert family.samples, name
        for sample in family.samples:
            assert sample.name == name
            assert sample.labels.keys() == set(metric.labels)


def test_control_a_metric_that_nobody_declared_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exporter_world.world(monkeypatch)
    rounds = Rounds()
    monkeypatch.setattr(rounds.loops[0], "_look", lambda: [Sample("payments_misspelt", 1)])
    rounds.loops[0].look()

    with pytest.raises(KeyError, match="payments_misspelt"):
        rounds.text()


def test_names_follow_prometheus_custom() -> None:
    assert all(name.startswith("payments_") and name.islower() for name in METRICS)
    # Gauges are no counters.
    assert [name for name in METRICS if name.endswith("_total")] == []
    assert {metric.source for metric in METRICS.values()} == {*SOURCES, "exporter"}


def test_all_that_alerts_ask_for_is_served() -> None:
    """Alerts and panels were written against these names."""
    assert METRICS.keys() >= {
        "payments_checkpoint_age_seconds",
        "payments_claim_lost",
        "payments_lag_records",
        "payments_newest_row_age_seconds",
        "payments_probe_success",
        "payments_reach_offset",
        "payments_recent_dead_letters",
        "payments_recent_records",
        "payments_reconcile_balanced",
        "payments_reconcile_last_run_timestamp_seconds",
        "payments_state_bytes",
        "payments_topic_begin_offset",
        "payments_topic_end_offset",
        "payments_watermark_age_seconds",
    }


def test_page_lists_the_metrics() -> None:
    rows = [
        f"| `{metric.name}` | {', '.join(metric.labels)} | {metric.source} | {metric.meaning} |"
        for metric in METRICS.values()
    ]
    assert [line for line in PAGE.splitlines() if line.startswith("| `payments_")] == rows
