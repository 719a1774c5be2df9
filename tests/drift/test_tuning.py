"""docs/tuning.md quotes figures; each that it calls measured stands where it was measured."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "tuning.md").read_text(encoding="utf-8")
MEASURED = "".join(
    (DOCS / name).read_text(encoding="utf-8")
    for name in ("performance.md", "performance_story.md", "../benchmarks/scale_costs.py")
)
# Of settings, not of measurements.
SETTINGS = {"500", "1000"}


def numbers(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w.,-])\d+(?:,\d{3})*(?:\.\d+)?", text))


def unfounded(page: str, measured: str) -> dict[str, set[str]]:
    """Returns lines that call numbers measured which are not among the measured ones."""
    known = numbers(measured) | SETTINGS
    lines = [
        line
        for line in re.sub(r"```.*?```", "", page, flags=re.DOTALL).splitlines()
        if re.search(r"(?<!not )measured", line) and line.startswith(("|", "-"))
    ]
    return {line: strange for line in lines if (strange := numbers(line) - known)}


def test_measured_figures_are_those_that_were_measured() -> None:
    assert unfounded(PAGE, MEASURED) == {}


def test_control_an_invented_figure_is_found() -> None:
    row = "| state | 58.2 bytes an id | measured |"

    assert unfounded(row, "On the plateau it is 58.1 bytes.") == {row: {"58.2"}}
    assert unfounded(row, "On the plateau it is 58.2.") == {}
    assert unfounded("| state | 7 | not measured |", "") == {}
