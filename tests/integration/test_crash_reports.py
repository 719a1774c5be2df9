"""A Java process that crashes leaves a report, and whoever looks for reports finds it."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import crash_reports
from sandbox.crash_reports import Crashes
from sandbox.layout import JAVA_HOME, Layout

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not JAVA_HOME.exists(), reason="Java is not here: make setup"),
]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    found = Layout.of(tmp_path / "100% p")  # Java reads %p in a name
    found.logs.mkdir(parents=True)
    return found


@pytest.fixture
def java(layout: Layout) -> Iterator[subprocess.Popen[str]]:
    """A Java process that is up: it waits for a debugger, on loopback, and says so."""
    waits = "-agentlib:jdwp=transport=dt_socket,server=y,suspend=y,address=127.0.0.1:0"
    command = [str(JAVA_HOME / "bin/java"), crash_reports.option(layout), waits]
    command += ["-XX:-CreateCoredumpOnCrash", "-version"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and "Listening" in process.stdout.readline()
        yield process
        process.kill()


def test_java_that_crashes_is_found_and_told_in_one_line(
    layout: Layout, java: subprocess.Popen[str]
) -> None:
    crashes = Crashes(layout)

    java.send_signal(signal.SIGSEGV)
    java.wait(60)

    [told] = crashes.new()
    assert told.startswith(f"{layout.logs}/hs_err_pid{java.pid}.log: SIGSEGV (0xb)")
    assert crashes.new() == []
    assert crashes.all() == [told]
    assert Crashes(layout).all() == []  # an old one is nobody's fault any more


def test_control_java_that_is_killed_leaves_none(
    layout: Layout, java: subprocess.Popen[str]
) -> None:
    crashes = Crashes(layout)

    java.kill()
    java.wait(60)

    assert crashes.all() == []
