"""The sections as people and programs read them, and the verdict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import orjson
from tabulate import tabulate

from operations.health.indicators import Indicator, Section


def verdict(sections: Sequence[Section]) -> str:
    """Returns the last line: what could not be asked first, for nobody knows what it would say."""
    down = [section.name for section in sections if section.problem is not None]
    unwell = [indicator.name for indicator in indicators(sections) if not indicator.healthy]
    starting = [indicator.starting for indicator in indicators(sections) if indicator.starting]
    beyond = f"beyond its limit: {', '.join(unwell)}"
    if down:
        return f"could not ask {', '.join(down)}" + (f"; {beyond}" if unwell else "")
    if unwell:
        return beyond
    return f"starting ({starting[0]})" if starting else "well"


def indicators(sections: Sequence[Section]) -> list[Indicator]:
    """Returns what was measured, wherever."""
    return [indicator for section in sections for indicator in section.indicators]


def text(sections: Sequence[Section]) -> str:
    """Returns the sections for people; the last line is the verdict."""
    parts = ["\n".join(_lines(section)) for section in sections]
    return "\n\n".join([*parts, f"health: {verdict(sections)}"])


def _lines(section: Section) -> Iterator[str]:
    yield section.title
    if section.problem is not None:
        yield f"  could not be asked: {section.problem}"
    for note in section.notes:
        yield f"  {note}"
    if not section.indicators:
        return
    rows = [
        (each.name, _number(each.value), _number(each.limit), _said(each))
        for each in section.indicators
    ]
    table = tabulate(rows, headers=("indicator", "value", "limit", ""), disable_numparse=True)
    yield from (f"  {line}".rstrip() for line in table.splitlines())


def _said(indicator: Indicator) -> str:
    if indicator.starting:
        return f"starting ({indicator.starting})"
    return "" if indicator.healthy else indicator.meaning


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}".rstrip("0").rstrip(".")


def document(sections: Sequence[Section]) -> str:
    """Returns the same for programs, as one JSON document."""
    found = indicators(sections)
    down = any(section.problem is not None for section in sections)
    content = {
        "well": not down and all(indicator.healthy for indicator in found),
        "starting": any(indicator.starting for indicator in found),
        "verdict": verdict(sections),
        "indicators": [
            {**indicator._asdict(), "healthy": indicator.healthy, "source": section.name}
            for section in sections
            for indicator in section.indicators
        ],
        "sources": {
            section.name: {
                "problem": section.problem,
                "notes": section.notes,
                "last_failure": section.last_failure,
            }
            for section in sections
        },
    }
    return orjson.dumps(content, option=orjson.OPT_INDENT_2).decode()
