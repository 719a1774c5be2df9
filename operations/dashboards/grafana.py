"""The dashboard as JSON that Grafana reads, by the types of its own SDK."""

from __future__ import annotations

import json
from typing import Any

from grafana_foundation_sdk.builders import (
    common,
    dashboard,
    prometheus,
    stat,
    timeseries,
)
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import GraphThresholdsStyleMode, StackingMode
from grafana_foundation_sdk.models.dashboard import (
    DashboardLinkType,
    DataSourceRef,
    Threshold,
    ThresholdsMode,
)

from operations.dashboards.catalogue import ROWS
from operations.dashboards.panel import Panel

UID = "payments-exactly-once"
_SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
_UNITS = {"bool": "short"}
_HEIGHT = 8


def text(runbook: str) -> str:
    """Returns the file.

    Args:
        runbook: where the pages of alerts are.
    """
    return json.dumps(_built(runbook), cls=JSONEncoder, sort_keys=True, indent=2) + "\n"


def _built(runbook: str) -> Any:
    found = (
        dashboard.Dashboard("Payments, counted exactly once")
        .uid(UID)
        .tags(["payments"])
        .refresh("30s")
        .time("now-1h", "now")
        .timezone("utc")
        .editable()
        .with_variable(dashboard.DatasourceVariable("datasource").type("prometheus"))
    )
    for row in ROWS:
        found = found.with_row(dashboard.Row(row.title))
        for panel in row.panels:
            found = found.with_panel(_panel(panel, runbook))
    return found.build()


def _panel(panel: Panel, runbook: str) -> Any:
    made: Any = stat.Panel() if panel.kind == "stat" else timeseries.Panel()
    steps = [Threshold(color="green", value=None)]
    steps += [Threshold(color=colour, value=value) for value, colour in panel.thresholds]
    made = (
        made.title(panel.title)
        .description(panel.normal)
        .unit(_UNITS.get(panel.unit, panel.unit))
        .datasource(_SOURCE)
        .height(_HEIGHT)
        .span(24 if panel.whole else 8)
        .thresholds(dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
    )
    if panel.alert:
        link = dashboard.DashboardLink(f"What to do: {panel.alert}")
        made = made.links(
            [
                link.type(DashboardLinkType.LINK)
                .url(f"{runbook}/{panel.alert}.md")
                .target_blank(True)
            ]
        )
    if panel.kind == "time":
        made = made.fill_opacity(60 if panel.stacked else 8)
        if panel.stacked:
            made = made.stacking(common.StackingConfig().mode(StackingMode.NORMAL))
        if panel.thresholds:
            style = common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED)
            made = made.thresholds_style(style)
    for number, query in enumerate(panel.queries):
        made = made.with_target(
            prometheus.Dataquery()
            .expr(query.expression)
            .legend_format(query.legend)
            .ref_id(chr(ord("A") + number))
            .datasource(_SOURCE)
        )
    return made
