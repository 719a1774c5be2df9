"""Prometheus' and Alertmanager's own checkers; a test without them is skipped, never in CI."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from sandbox.layout import MONITORING_TOOLS

LACKING = not (MONITORING_TOOLS / "promtool").exists()
needed = pytest.mark.skipif(
    LACKING and not os.environ.get("CI"), reason="no promtool here: bin/setup monitoring"
)


def run(tool: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [str(MONITORING_TOOLS / tool), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)
