"""The report of the upgrade run: a table, what is wrong, and one last line."""

from __future__ import annotations

from collections.abc import Sequence

from tabulate import tabulate

from harness.upgrade.run import Result
from transforms.payment.outcome import Outcome


def passed(results: Sequence[Result]) -> bool:
    """Returns whether the books balance and nothing else is wrong."""
    return all(result.report.balanced and not result.problems for result in results)


def text(results: Sequence[Result]) -> str:
    """Returns the table; the last line sums it up."""
    headers = ("scenario", "stopped in s", "started in s", "read", "copies", "lost", "doubled")
    lines = [
        (
            each.scenario,
            _seconds(each.stops_sec),
            _seconds(each.starts_sec[1:]),  # the first start is no upgrade
            each.report.counts.read,
            each.report.counts.outcomes[Outcome.DUPLICATE]
            + each.report.counts.outcomes[Outcome.CONFLICT],
            each.report.missing,
            each.report.double,
        )
        for each in results
    ]
    wrong = [
        f"{each.scenario}: {problem}"
        for each in results
        for problem in (*each.problems, *each.report.problems)
    ]
    parts = (tabulate(lines, headers=headers), "\n".join(wrong), last_line(results))
    return "\n\n".join(part for part in parts if part)


def last_line(results: Sequence[Result]) -> str:
    """Returns the answer in one line."""
    lost = sum(each.report.missing for each in results)
    doubled = sum(each.report.double for each in results)
    stops = sum(len(each.stops_sec) for each in results)
    wrong = sum(bool(each.problems) or not each.report.balanced for each in results)
    return (
        f"upgrade: {lost} lost, {doubled} doubled, {stops} planned stops in {len(results)} "
        f"scenarios, {wrong} of them not as they must be"
    )


def _seconds(each: Sequence[float]) -> str:
    return ", ".join(f"{seconds:.0f}" for seconds in each)
