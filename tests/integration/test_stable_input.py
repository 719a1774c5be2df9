"""A completed checkpoint flushes what came before its barrier, and nothing else.

The jar that ships and Beam's own, each on Flink's operator state: docs/decisions/0013.
"""

from __future__ import annotations

import pytest

from sandbox.layout import REPOSITORY
from tests.support import java_program

pytestmark = [pytest.mark.integration, java_program.needs_jars]
[ORIGINAL] = [*(REPOSITORY / ".tools/jars/originals").glob("beam-runners-flink-*.jar")] or [None]

OPENED = "--add-opens=java.base/java.util=ALL-UNNAMED"  # templates/flink/config.yaml says why

AFTER_RESTORE = "a barrier:1 restore b barrier:2 c complete:2 d barrier:3 complete:3"
AFTER_FAILURE = "a barrier:1 b barrier:2 c complete:2 d barrier:3 complete:3"
TWICE_RESTORED = (
    "a barrier:1 restore b barrier:2 restore c barrier:3 d complete:3 barrier:4 complete:4"
)
ALL_FAIL = " ".join(f"r{n} barrier:{n}" for n in range(1, 41))


def flushes(script: str, *first_in_class_path) -> list[str]:
    ended = java_program.run(
        "FlushAfterBarrier",
        *script.split(" "),
        first_in_class_path=first_in_class_path,
        options=[OPENED],
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()


def test_checkpoint_restored_from_keeps_its_buffer() -> None:
    assert flushes(AFTER_RESTORE) == ["2 a b", "3 c d"]


def test_failed_checkpoint_keeps_its_buffer() -> None:
    assert flushes(AFTER_FAILURE) == ["2 a b", "3 c d"]


def test_several_restores_in_a_row_keep_theirs() -> None:
    assert flushes(TWICE_RESTORED) == ["3 a b c", "4 d"]


def test_forty_failed_checkpoints_in_a_row_keep_theirs() -> None:
    told = flushes(f"{ALL_FAIL} last complete:40 barrier:41 complete:41")

    assert told == [f"40 {' '.join(f'r{n}' for n in range(1, 41))}", "41 last"]


def test_rows_of_one_checkpoint_after_another_go_through() -> None:
    script = " ".join(f"r{n} barrier:{n} complete:{n}" for n in range(1, 6))

    assert flushes(script) == [f"{n} r{n}" for n in range(1, 6)]


@pytest.mark.parametrize("script", [AFTER_RESTORE, AFTER_FAILURE])
def test_control_beams_own_flushes_what_no_checkpoint_covers(script: str) -> None:
    assert flushes(script, ORIGINAL)[0] == "2 a c b"
