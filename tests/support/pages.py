"""The commands of a page of docs/, as a person would type them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

# `# exits with 2` behind a command: another end is a mistake of the page.
_ENDS = """
_ends() {
  local wanted=$1 got=0
  shift
  "$@" || got=$?
  if [ "$got" != "$wanted" ]; then echo "exit code $got: $*" >&2; exit 9; fi
}
"""


def blocks(page: str, begin: str = "", end: str = "") -> list[str]:
    """Returns the commands between two headings of a page, block by block."""
    text = (ROOT / page).read_text()
    text = text[text.index(begin) :]
    text = text[: text.index(end)] if end else text
    return re.findall(r"^```bash\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def run(
    commands: list[str], folder: Path, timeout: float, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Runs blocks in one shell, in a folder; it ends with the first command that fails."""
    program = f'"{sys.executable}"'
    script = f'set -e\npayments() {{ {program} -m payments "$@"; }}\n'
    script += f'python() {{ {program} "$@"; }}\n{_ENDS}'
    for block in commands:
        script += re.sub(r"^(.*?) +# exits with (\d)$", r"_ends \2 \1", block, flags=re.MULTILINE)
    return subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )
