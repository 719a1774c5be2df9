"""The report of the crash suite: a table and one last line, and the same as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tabulate import tabulate

from harness.faults.suite import Controls, Result


def passed(
    results: Sequence[Result], controls: Controls | None, crashes: Sequence[str] = ()
) -> bool:
    """Returns whether nothing was lost or doubled, nothing crashed, and every control doubled.

    Where a contract skips records, each fault must have met some.
    """
    doubled = controls is not None and all(rows > 0 for rows in controls)
    good = all(result.report.balanced and result.skipped != 0 for result in results)
    return doubled and not crashes and good


def text(results: Sequence[Result], controls: Controls | None, crashes: Sequence[str] = ()) -> str:
    """Returns the table; the last line sums it up. Without controls the suite was cut short."""
    lines = [
        (
            each.seed,
            each.name,
            f"{each.at_sec:.1f}",
            f"{each.recovery_sec:.1f}",
            each.lost,
            each.doubled,
            "" if each.skipped is None else each.skipped,
        )
        for each in results
    ]
    headers = ("seed", "fault", "at s", "recovered in s", "lost", "doubled", "skipped")
    failed = [
        f"seed {each.seed}, {each.name}: {problem}"
        for each in results
        if not each.report.balanced
        for problem in each.report.problems
    ]
    failed += [
        f"seed {each.seed}, {each.name}: no record was skipped, though the contract skips some"
        for each in results
        if each.skipped == 0
    ]
    return "\n\n".join(
        part
        for part in (
            tabulate(lines, headers=headers),
            "\n".join(failed),
            "\n".join(f"a process has crashed, {told}" for told in crashes),
            _control_lines(controls),
            last_line(results, controls),
        )
        if part
    )


def _control_lines(controls: Controls | None) -> str:
    if controls is None:
        return "the controls have not been run"
    return (
        f"control, kills without stable input: {controls.without_stable_input} doubled\n"
        f"control, lost answers to an at-least-once sink: {controls.at_least_once} doubled"
    )


def last_line(results: Sequence[Result], controls: Controls | None) -> str:
    """Returns the answer in one line; of several controls it tells the weakest."""
    lost = sum(each.lost for each in results)
    doubled = sum(each.doubled for each in results)
    skipped = sum(each.skipped or 0 for each in results)
    injected = sum(len(each.faults) for each in results)
    return (
        f"faults: {injected} injected, {lost} lost, {doubled} doubled, {skipped} skipped, "
        f"control doubled {0 if controls is None else min(controls)}"
    )


def document(
    results: Sequence[Result],
    controls: Controls | None,
    short: bool,
    crashes: Sequence[str] = (),
) -> dict[str, Any]:
    """Returns everything for programs."""
    return {
        "passed": passed(results, controls, crashes),
        "crashes": list(crashes),
        "last_line": last_line(results, controls),
        "short": short,
        "controls": None if controls is None else controls._asdict(),
        "faults": [
            {
                **result._asdict(),
                "at_sec": round(result.at_sec, 1),
                "recovery_sec": round(result.recovery_sec, 1),
                "report": {
                    "last_line": result.report.last_line(),
                    "problems": result.report.problems,
                },
            }
            for result in results
        ],
    }
