"""The report of the comparison: a table for people, and the same as JSON for programs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from tabulate import tabulate

from benchmarks import usage
from benchmarks.stage import Measured

# What the others are compared with.
_OURS = "sharded"


def line(measured: Measured) -> str:
    """Returns one result in one line."""
    kept = "exact" if measured.exact else f"{measured.kept} of {measured.expected}: NOT EXACT"
    return f"{measured.name}: {measured.rate_per_sec:,.0f} records/s, {kept}"


def text(results: Sequence[Measured]) -> str:
    """Returns the table. Ratios are of rates measured in this very run."""
    ours = next((each.rate_per_sec for each in results if each.name == _OURS), None)
    rows = [
        (
            each.name,
            each.records,
            f"{each.rate_per_sec:,.0f}",
            "-" if not ours or not each.rate_per_sec else f"{ours / each.rate_per_sec:.2f}",
            f"{each.cpu_sec_per_million:.0f}",
            f"{usage.usd(each.cpu_sec_per_million):.4f}",
            "yes" if each.exact else f"{each.kept} of {each.expected}",
        )
        for each in results
    ]
    headers = (
        "contestant",
        "records",
        "records/s",
        "ours is x times",
        "CPU s per million",
        "$ per million",
        "exact",
    )
    return tabulate(rows, headers=headers, disable_numparse=True, stralign="right")


def document(results: Sequence[Measured]) -> dict[str, Any]:
    """Returns everything for programs."""
    return {
        "cores": os.cpu_count(),
        "usd_per_vcpu_hour": usage.USD_PER_VCPU_HOUR,
        "contestants": [
            {
                **each._asdict(),
                "exact": each.exact,
                "usd_per_million": usage.usd(each.cpu_sec_per_million),
            }
            for each in results
        ],
    }
