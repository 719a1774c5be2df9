"""Panels ask for metrics that are there, lead to alerts that are there, and are what is written."""

from __future__ import annotations

import json

import pytest

from operations.alerts.catalogue import ALERTS
from operations.dashboards import catalogue, files
from operations.dashboards.panel import Panel, Query
from tests.support import promql

PANELS = list(catalogue.panels())
OTHERS = catalogue.FLINK_METRICS | catalogue.OTHER_METRICS
QUERIES = [(panel, query) for panel in PANELS for query in panel.queries]


@pytest.mark.parametrize(("panel", "query"), QUERIES, ids=lambda each: getattr(each, "title", None))
def test_every_query_asks_for_metrics_that_are_served(panel: Panel, query: Query) -> None:
    assert promql.metrics_of(query.expression)
    assert promql.unserved(query.expression, OTHERS) == set()


def test_control_a_misspelt_metric_is_found_wherever_it_stands() -> None:
    wrong = "payments_lag_record"
    for expression in (
        wrong,
        f"sum by (topic) (rate({wrong}[5m])) > 1",
        f"payments_lag_records / on() group_left() clamp_min(sum({wrong}), 1)",
        f"avg_over_time(({wrong} > bool 60)[1h:15s])",
        f"-({wrong}) unless payments_lag_records",
    ):
        assert promql.unserved(expression, OTHERS) == {wrong}, expression
    with pytest.raises(ValueError):
        promql.metrics_of("sum(payments_lag_records")


def test_every_metric_of_flinks_is_asked_for() -> None:
    asked = {name for _, query in QUERIES for name in promql.metrics_of(query.expression)}

    assert OTHERS - asked <= {"up", *catalogue.alerts.FLINK_METRICS}


def test_every_panel_says_what_is_normal_and_leads_to_an_alert_that_is_there() -> None:
    assert len(PANELS) >= 20
    assert len({panel.title for panel in PANELS}) == len(PANELS)
    for panel in PANELS:
        assert panel.normal.endswith("."), panel.title
        assert panel.queries, panel.title
        assert panel.alert in {"", *ALERTS}, panel.title
        assert [value for value, _ in panel.thresholds] == sorted(v for v, _ in panel.thresholds)


def test_files_are_what_the_panels_say() -> None:
    for path, text in files.generated().items():
        assert path.read_text() == text, "run `payments dashboards generate`"


def test_dashboard_holds_every_query_and_a_source_that_is_chosen() -> None:
    [text] = [text for path, text in files.generated().items() if path.suffix == ".json"]
    document = json.loads(text)
    drawn = [panel for panel in document["panels"] if panel["type"] != "row"]

    assert [panel["title"] for panel in drawn] == [panel.title for panel in PANELS]
    for panel, found in zip(PANELS, drawn, strict=True):
        told = [target["expr"] for target in found["targets"]]
        assert told == [query.expression for query in panel.queries]
        assert len({target["refId"] for target in found["targets"]}) == len(told)
        assert found["datasource"]["uid"] == "${datasource}"
    assert document["uid"]


def test_control_a_changed_panel_changes_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    before = dict(files.generated())
    from operations.dashboards import grafana

    monkeypatch.setattr(grafana, "ROWS", grafana.ROWS[:1])

    assert all(before[path] != text for path, text in files.generated().items())


def test_whoever_draws_them_gets_plain_values() -> None:
    documents = catalogue.documents()

    assert json.loads(json.dumps(documents))[0]["queries"][0]["expression"]
    assert len(documents) == len(PANELS)
