"""The worked example of docs/dedup_walkthrough.md happens as the page says."""

from __future__ import annotations

from pathlib import Path

from tests.support import dedup_example

PAGE = (Path(__file__).parents[2] / "docs/dedup_walkthrough.md").read_text(encoding="utf-8")


def test_the_table_is_what_happens() -> None:
    assert "\n".join(dedup_example.table(dedup_example.rows())) + "\n" in PAGE


def test_the_plain_step_gives_the_same_outcomes() -> None:
    decided = [row.outcome for row in dedup_example.rows() if row.outcome]

    assert dedup_example.outcomes_by_id() == decided
    assert decided == ["accepted", "duplicate", "conflict", "accepted", "late", "accepted"]


def test_numbers_of_the_text_are_those_of_the_example() -> None:
    lateness, skew = dedup_example.LATENESS_SEC, dedup_example.SKEW_SEC

    assert f"Allowed lateness is {lateness} s here and the clock skew {skew} s." in PAGE
    assert f"So the horizon is {lateness + skew} s" in PAGE
    assert f"more than {lateness} s later" in PAGE


def test_control_another_first_record_is_another_table() -> None:
    told = dedup_example.rows()
    other = [told[0]._replace(state="bucket 1: A@3; 48 bytes"), *told[1:]]

    assert "\n".join(dedup_example.table(other)) not in PAGE
