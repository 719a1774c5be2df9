"""Every program that launches a pipeline ends by `main.end`: another end may never come."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def launchers() -> Iterator[Path]:
    """Yields the files that call the pipeline's `main` as a program does."""
    for package in ("pipeline", "harness", "benchmarks"):
        for path in sorted((REPOSITORY / package).rglob("*.py")):
            text = path.read_text()
            if "main.main(" in text and "__main__" in text:
                yield path


def test_every_launcher_ends_by_the_one_end() -> None:
    found = {path.relative_to(REPOSITORY).as_posix(): path.read_text() for path in launchers()}

    assert {"pipeline/__main__.py", "harness/upgrade/next_version.py"} <= found.keys()
    for name, text in found.items():
        assert "main.end(" in text, name
        assert "sys.exit(" not in text, name
