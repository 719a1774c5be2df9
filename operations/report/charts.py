"""Draws the charts of a page as SVG: colours by CSS variables, so that light and dark are one."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pygal
from pygal.style import Style

from operations.report.day import IN_ORDER, Day
from operations.report.printed import printed
from transforms.payment.outcome import Outcome

LATE_NAMES = ("< 0", "1 s", "10 s", "1 min", "10 min", "1 h", "1 day", "more")
# What is skipped is no payment, and there can be ten times as much of it.
_OTHERS = [o for o in IN_ORDER if o not in (Outcome.ACCEPTED, Outcome.SKIPPED)]
# As the check "at most 2 % of the payments of an hour are copies" has it.
_COPIES_MAX = 2
_X_LABELS_MAX = 12
_MARKS_MAX = 5
_DASHED = {"width": 1, "dasharray": "5, 4"}


def of(found: Day) -> dict[str, str]:
    """Returns the SVG of each chart by name; empty where there is nothing to show."""
    made = {
        "accepted": _by_bucket(found, [Outcome.ACCEPTED]),
        "others": _by_bucket(found, _OTHERS),
        "copies": _copies(found),
        "lateness": _lateness(found),
        "reasons": _bars([(r.reason, r.records) for r in found.reasons], "--invalid"),
        "indicators": _bars([(i.indicator, i.raised) for i in found.indicators], "--conflict"),
    }
    return {name: "" if chart is None else _svg(name, chart) for name, chart in made.items()}


def _by_bucket(found: Day, outcomes: Sequence[Outcome]) -> pygal.StackedBar | None:
    buckets = found.by_bucket()
    if not any(rows[outcome] for rows in buckets.values() for outcome in outcomes):
        return None
    chart = pygal.StackedBar(
        **_form([f"--{outcome.value}" for outcome in outcomes]),
        show_legend=len(outcomes) > 1,
    )
    _time_axis(chart, found, buckets)
    _whole(chart, max(sum(rows[o] for o in outcomes) for rows in buckets.values()))
    for outcome in outcomes:
        chart.add(outcome.value, [rows[outcome] or None for rows in buckets.values()])
    return chart


def _copies(found: Day) -> pygal.Line | None:
    """Returns the share of copies among accepted payments, copies and conflicts, in percent."""
    buckets = found.by_bucket()
    seen = (Outcome.ACCEPTED, Outcome.DUPLICATE, Outcome.CONFLICT)
    shares = []
    for rows in buckets.values():
        records = sum(rows[outcome] for outcome in seen)
        shares.append(100 * rows[Outcome.DUPLICATE] / records if records else None)
    if not any(shares):
        return None
    form = _form(["--duplicate", "--conflict"])
    chart = pygal.Line(
        **form | {"value_formatter": lambda value: f"{value:.1f} %"},
        dots_size=3,
        include_x_axis=True,
    )
    _time_axis(chart, found, buckets)
    chart.add("copies", shares, stroke_style={"width": 2})
    chart.add(
        f"{_COPIES_MAX} %", [_COPIES_MAX] * len(shares), show_dots=False, stroke_style=_DASHED
    )
    return chart


def _lateness(found: Day) -> pygal.StackedBar | None:
    if not found.lateness:
        return None
    late = (Outcome.LATE,)
    chart = pygal.StackedBar(**_form(["--accepted", "--late"]))
    chart.x_labels = LATE_NAMES
    counted = Counter[int]()
    for line in found.lateness:
        counted[line.number] += line.records
    _whole(chart, max(counted.values()))
    for name, is_late in (("in time", False), ("late", True)):
        counts = [0] * len(LATE_NAMES)
        for line in found.lateness:
            if (line.outcome in late) is is_late:
                counts[line.number] += line.records
        chart.add(name, [count or None for count in counts])
    return chart


def _bars(lines: Sequence[tuple[str, int]], colour: str) -> Any:
    if not lines:
        return None
    shown = sorted(lines, key=lambda line: line[1])[-_X_LABELS_MAX:]
    form = _form([colour]) | {"height": 60 + 34 * len(shown)}
    chart = pygal.HorizontalBar(**form, show_legend=False)
    chart.x_labels = [printed(label, 28) for label, _ in shown]
    _whole(chart, max(count for _, count in shown))
    chart.add("", [count for _, count in shown])
    return chart


def _whole(chart: Any, highest: int) -> None:
    """Gives the axis of counts whole numbers: pygal would round 0.8 to 1 beside the mark."""
    steps = (base * 10**power for power in range(18) for base in (1, 2, 5))
    step = next(step for step in steps if highest <= step * _MARKS_MAX)
    chart.y_labels = list(range(0, highest + step, step))


def _time_axis(chart: Any, found: Day, buckets: Any) -> None:
    form = "%H:%M" if found.bucket_sec < 86_400 else "%d %b"
    begun = [dt.datetime.fromtimestamp(bucket // 1_000_000, dt.UTC) for bucket in buckets]
    labels = [f"{moment:{form}}" for moment in begun]
    chart.x_labels = labels
    chart.x_labels_major = labels[:: max(1, len(labels) // _X_LABELS_MAX)]
    chart.show_minor_x_labels = False


def _form(colours: Sequence[str]) -> dict[str, Any]:
    style = Style(
        background="transparent",
        plot_background="transparent",
        foreground="var(--soft)",
        foreground_strong="var(--ink)",
        foreground_subtle="var(--faint)",
        value_colors=("var(--ink)",) * len(colours),
        opacity="1",
        opacity_hover="1",
        transition="none",
        guide_stroke_color="var(--line)",
        major_guide_stroke_color="var(--line)",
        guide_stroke_dasharray="1,0",
        major_guide_stroke_dasharray="1,0",
        colors=tuple(f"var({colour})" for colour in colours),
        font_family="inherit",
        label_font_size=13,
        major_label_font_size=13,
        legend_font_size=13,
        value_font_size=13,
    )
    return {
        "style": style,
        "js": (),
        "classes": ("chart",),
        "width": 900,
        "height": 240,
        "margin": 8,
        "legend_at_bottom": True,
        "legend_at_bottom_columns": len(colours),
        "legend_box_size": 11,
        "disable_xml_declaration": True,
        "value_formatter": lambda value: f"{value:,.0f}",
        "show_y_guides": True,
        "max_scale": 5,
        "truncate_label": 30,
    }


def _svg(name: str, chart: Any) -> str:
    chart.add_xml_filter(_without_scripts)
    chart.uuid = name  # pygal draws one; the same figures should be the same file
    drawn: str = chart.render(is_unicode=True)
    return drawn


def _without_scripts(root: Any) -> Any:
    """Removes pygal's script, which a page without scripts refuses, and its comments."""
    for parent in list(root.iter()):
        for child in list(parent):
            if not isinstance(child.tag, str) or child.tag.rpartition("}")[2] == "script":
                parent.remove(child)
    return root
