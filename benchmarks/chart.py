"""Draws what was measured: a bar per contestant, and the line of remembered state.

python -m benchmarks.chart benchmarks/results/*_bench.json benchmarks/results/*_state.json

Writes docs/img/throughput.svg of the newest comparison, docs/img/state.svg of the newest flat line.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pygal
from pygal.style import CleanStyle

_FOLDER = Path(__file__).resolve().parents[1] / "docs/img"
_MB = 1e6


def main(argv: Sequence[str] | None = None) -> int:
    """Draws what the files hold, the newest of each kind."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.chart", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("results", nargs="+", type=Path, help="JSON files in benchmarks/results")
    parser.add_argument("--to", type=Path, default=_FOLDER, help="folder (default: docs/img)")
    arguments = parser.parse_args(argv)
    try:
        found = [json.loads(file.read_text()) for file in sorted(arguments.results)]
    except (OSError, ValueError) as error:
        parser.error(f"results must be JSON files that the benchmarks wrote: {error}")
    newest = {key: each[key] for each in found for key in _CHARTS if each.get(key)}
    if not newest:
        parser.error("none of the files holds a comparison or a flat line")
    arguments.to.mkdir(parents=True, exist_ok=True)
    for key, content in newest.items():
        draw, name = _CHARTS[key]
        file = arguments.to / name
        draw(content).render_to_file(str(file))
        print(f"chart: {file}", file=sys.stderr)
    return 0


def throughput(measured: Sequence[Mapping[str, Any]]) -> pygal.HorizontalBar:
    """Returns bars of records per second, the fastest on top."""
    chart = pygal.HorizontalBar(
        title="Records per second, one run, two cores with Kafka and all",
        style=CleanStyle,
        show_legend=False,
        print_values=True,
        value_formatter=lambda value: f"{value:,.0f}",
    )
    contestants = sorted(measured, key=lambda each: each["rate_per_sec"])
    chart.x_labels = [each["name"] for each in contestants]
    chart.add("records/s", [round(each["rate_per_sec"]) for each in contestants])
    return chart


def flat_line(flat: Mapping[str, Any]) -> pygal.XY:
    """Returns the size of checkpoints over time, in horizons."""
    chart = pygal.XY(
        title=f"Checkpoint, MB, as ids come and go (horizon of {flat['horizon_sec']} s)",
        style=CleanStyle,
        show_legend=False,
        dots_size=1,
        x_title="horizons",
    )
    points = [
        (each["elapsed_sec"] / flat["horizon_sec"], each["state_bytes"] / _MB)
        for each in flat["samples"]
    ]
    chart.add("state", points)
    return chart


# By what a document holds: how it is drawn, and into which file.
_CHARTS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "contestants": (throughput, "throughput.svg"),
    "flat": (flat_line, "state.svg"),
}


if __name__ == "__main__":
    sys.exit(main())
