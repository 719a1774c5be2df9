"""Writes the generated parts of all pages, or says which are not as the code is.

python -m harness.pages            writes them
python -m harness.pages --check    changes nothing; exit code 1 when a page would change
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from cogapp import Cog

from payments import exit_codes

ROOT = Path(__file__).resolve().parents[2]
_MARKER = "[[[cog "
_PROLOGUE = (
    "from harness.pages.excerpts import excerpt, lines; "
    "from harness.pages.listings import alerts, flags; "
    "from harness.pages.step_graph import step_graph"
)
_HINT = "a page is not as the code is. Hint: make pages"


def generate(pages: Sequence[Path], check: bool) -> int:
    """Runs cog over pages; returns 0, or 1 when one would change and may not."""
    if not pages:
        return exit_codes.WELL
    mode = ["--check", "--diff", f"--check-fail-msg={_HINT}"] if check else ["-r"]
    command = ["cog", "-U", "-P", "-p", _PROLOGUE, "--verbosity=1", *mode, *map(str, pages)]
    return exit_codes.FINDING if Cog().main(command) else exit_codes.WELL


def generated() -> list[Path]:
    """Returns the pages that have a generated part."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [ROOT / name for name in names.splitlines()]
    return [path for path in paths if path.is_file() and f"<!-- {_MARKER}" in path.read_text()]


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes or checks all pages, and returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m harness.pages", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing")
    return generate(generated(), parser.parse_args(arguments).check)


if __name__ == "__main__":
    sys.exit(main())
