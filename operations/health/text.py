"""The sections as people and programs read them, and the verdict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import orjson
from tabulate import tabulate

from operations.health.vital import Indicator, Section


def verdict(sections: Sequence[Section]) -> str:
    """Returns the last line: what could not be asked first, for nobody knows what it would say."""
    down = [section.name for section in sections if section.problem is not None]
    unwell = [vital.name for vital in vitals(sections) if not vital.healthy]
    starting = [vital.starting for vital in vitals(sections) if vital.starting]
    beyond = f"beyond its limit: {', '.join(unwell)}"
    if down:
        return f"could not ask {', '.join(down)}" + (f"; {beyond}" if unwell else "")
    if unwell:
        return beyond
    return f"starting ({starting[0]})" if starting else "well"


def vitals(sections: Sequence[Section]) -> list[Indicator]:
    """Returns what was measured, wherever."""
    return [vital for section in sections for vital in section.vitals]


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
    if not section.vitals:
        return
    rows = [
        (each.name, _number(each.value), _number(each.limit), _said(each))
        for each in section.vitals
    ]
    table = tabulate(rows, headers=("vital", "value", "limit", ""), disable_numparse=True)
    yield from (f"  {line}".rstrip() for line in table.splitlines())


def _said(vital: Indicator) -> str:
    if vital.starting:
        return f"starting ({vital.starting})"
    return "" if vital.healthy else vital.meaning


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}".rstrip("0").rstrip(".")


def document(sections: Sequence[Section]) -> str:
    """Returns the same for programs, as one JSON document."""
    found = vitals(sections)
    down = any(section.problem is not None for section in sections)
    content = {
        "well": not down and all(vital.healthy for vital in found),
        "starting": any(vital.starting for vital in found),
        "verdict": verdict(sections),
        "vitals": [
            {**vital._asdict(), "healthy": vital.healthy, "source": section.name}
            for section in sections
            for vital in section.vitals
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
