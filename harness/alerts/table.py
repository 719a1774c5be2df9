"""Tells the results of all trials, to people and programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.alerts.run import Result
from payments import rows_text


def text(results: Sequence[Result]) -> str:
    """Returns the table, and a line that says whether all is well."""
    columns = ["alert", "fault", "fires after s", "resolves after s", "", "also critical"]
    rows: list[list[Any]] = [
        [
            result.alert,
            result.fault,
            _seconds(result.fired_sec),
            _seconds(result.resolved_sec),
            "ok" if result.passed else "FAILED",
            ", ".join(result.others),
        ]
        for result in results
    ]
    passed = sum(result.passed for result in results)
    problems = [
        f"{problem}\n" for problem in dict.fromkeys(r.problem for r in results if r.problem)
    ]
    return (
        f"{rows_text.aligned(columns, rows)}\n{''.join(problems)}"
        f"{passed} of {len(results)} alerts arrived, and went"
    )


def document(results: Sequence[Result]) -> dict[str, Any]:
    """Returns the same for a program."""
    return {
        "passed": bool(results) and all(result.passed for result in results),
        "alerts": [{**result._asdict(), "passed": result.passed} for result in results],
    }


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.0f}"
