"""A worker that asks for state after its task has ended is refused, and the process lives on.

The jar that ships and Beam's own, each on Flink with RocksDB: docs/decisions/0022.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from sandbox.layout import FLINK_TEMPLATE, REPOSITORY
from tests.support import java_program

pytestmark = [pytest.mark.integration, java_program.needs_jars]
[ORIGINAL] = [*(REPOSITORY / ".tools/jars/originals").glob("beam-runners-flink-*.jar")] or [None]
REFUSAL = "The task has ended and its state is closed: nothing of this bundle is kept."


def read_after_close(folder: Path, *first: Path) -> subprocess.CompletedProcess[str]:
    options = yaml.safe_load(FLINK_TEMPLATE.read_text())["env.java.opts.all"].split()
    options += ["-XX:TieredStopAtLevel=1", "-XX:-CreateCoredumpOnCrash"]
    options += [f"-XX:ErrorFile={folder}/hs_err_pid%p.log", f"-Djava.io.tmpdir={folder}"]
    return java_program.run(
        "StateAfterClose", str(folder), first_in_class_path=first, options=options
    )


def after_a_call_that(word: str) -> list[str]:
    ended = java_program.run("StateLock", word)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()


def test_state_request_after_close_is_refused(tmp_path: Path) -> None:
    ended = read_after_close(tmp_path)

    assert ended.stdout == "refused\n", ended.stderr[-5_000:]
    assert ended.returncode == 0
    [told, *_] = [line for line in ended.stderr.splitlines() if line.endswith(REFUSAL)]
    # The worker's bundle fails with it.
    assert told.startswith("org.apache.beam.sdk.util.UserCodeException")


def test_control_beams_own_lets_it_into_a_database_that_is_freed(tmp_path: Path) -> None:
    ended = read_after_close(tmp_path, ORIGINAL)

    assert "refused" not in ended.stdout
    # What freed memory holds is chance: five times in five it was a crash.
    assert ended.returncode != 0 or ended.stdout == "answered\n"


def test_close_waits_for_the_call_under_way() -> None:
    assert after_a_call_that("ends") == ["true", REFUSAL]


def test_interrupted_close_waits_all_the_same() -> None:
    assert after_a_call_that("interrupted") == ["true, still interrupted", REFUSAL]


def test_close_gives_up_on_a_call_that_does_not_end() -> None:
    assert after_a_call_that("stays") == ["false", REFUSAL]
