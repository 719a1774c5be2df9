"""Excerpts, tables and the graph of steps stand in pages as the code says them."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.pages import __main__ as pages
from harness.pages import excerpts, listings
from harness.pages.step_graph import step_graph


def generate(folder: Path, code: str, below: str = "", check: bool = False) -> tuple[int, str]:
    page = folder / "page.md"
    page.write_text(f"<!-- [[[cog {code} ]]] -->\n{below}<!-- [[[end]]] -->\n")
    return pages.generate([page], check), page.read_text()


def test_generated_parts_are_as_the_code_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert pages.main(["--check"]) == 0, capsys.readouterr().out


def test_control_a_page_that_is_not_as_the_code_is_found(tmp_path: Path) -> None:
    assert generate(tmp_path, "print(1)", "2\n", check=True) == (
        1,
        "<!-- [[[cog print(1) ]]] -->\n2\n<!-- [[[end]]] -->\n",
    )
    assert generate(tmp_path, "print(1)", "1\n", check=True)[0] == 0


def test_pages_name_what_they_show(tmp_path: Path) -> None:
    code, text = generate(tmp_path, 'print(flags("run", ["--clock_skew_sec", "--runner"]))')

    assert code == 0
    assert text.index("| `--clock_skew_sec` |") < text.index("| `--runner` |")


def test_step_graph_names_every_step_and_table_once() -> None:
    drawn = step_graph()

    assert "DecodeTransaction -->|dead_letters| dead_letters\n" in drawn
    assert "Deduplicate -->|accepted| transactions\n" in drawn
    assert drawn.count("TotalByMinute --> totals_by_minute\n") == 1


def test_excerpts_are_found_by_name() -> None:
    path = "transforms/payment/dedup_policy.py"

    whole = excerpts.excerpt(path, "DedupPolicy.decide")
    bare = excerpts.excerpt(path, "DedupPolicy.decide", docstring=False)

    assert "\n```py\ndef decide(self" in whole and '"""' in whole
    assert "def decide(self" in bare and '"""' not in bare
    assert excerpts.lines(path, "class DedupPolicy:", "contract: str").count("\n") > 5


def test_control_what_is_not_there_is_no_excerpt() -> None:
    path = "transforms/payment/dedup_policy.py"

    with pytest.raises(ValueError, match=r"0 of DedupPolicy\.nothing"):
        excerpts.excerpt(path, "DedupPolicy.nothing")
    with pytest.raises(ValueError, match="exactly one is required"):
        excerpts.lines(path, "return", "x")
    with pytest.raises(ValueError, match="no line after"):
        excerpts.lines(path, "class DedupPolicy:", "nothing")


def test_control_a_flag_or_command_that_is_not_there_is_refused() -> None:
    with pytest.raises(HarnessError, match="has no --nothing"):
        listings.flags("health", ["--nothing"])
    with pytest.raises(HarnessError, match="no command"):
        listings.flags("runs nothing")
    with pytest.raises(HarnessError, match="no command"):
        listings.flags("nothing")
