"""How are the results told? A line as each comes, a table, and one last line."""

from __future__ import annotations

from collections.abc import Sequence

from tabulate import tabulate

from harness.faults.suite import Result


def passed(results: Sequence[Result], control_doubled: int) -> bool:
    """Returns whether nothing was lost or doubled, and the control did double."""
    return control_doubled > 0 and all(result.report.balanced for result in results)


def text(results: Sequence[Result], control_doubled: int) -> str:
    """Returns the table; the last line sums it up."""
    lines = [
        (each.fault, f"{each.at_sec:.1f}", f"{each.recovery_sec:.1f}", each.lost, each.doubled)
        for each in results
    ]
    headers = ("fault", "at s", "recovered in s", "lost", "doubled")
    failed = [
        f"{each.fault}: {problem}"
        for each in results
        if not each.report.balanced
        for problem in each.report.problems
    ]
    return "\n\n".join(
        part
        for part in (
            tabulate(lines, headers=headers),
            "\n".join(failed),
            last_line(results, control_doubled),
        )
        if part
    )


def last_line(results: Sequence[Result], control_doubled: int) -> str:
    """Returns the answer in one line."""
    lost = sum(each.lost for each in results)
    doubled = sum(each.doubled for each in results)
    return (
        f"faults: {len(results)} injected, {lost} lost, {doubled} doubled, "
        f"control doubled {control_doubled}"
    )
