"""Flink puts our keys where we say it does: its own classes are asked."""

from __future__ import annotations

import pytest

from pipeline import flink_keys
from tests.support import java_program

pytestmark = [pytest.mark.integration, java_program.needs_jars]


@pytest.mark.parametrize("groups", [128, 1024])
def test_key_groups_are_those_of_flink(groups: int) -> None:
    ended = java_program.run("KeyGroups", "3000", str(groups))

    assert ended.returncode == 0, ended.stderr
    of_flink = [int(line) for line in ended.stdout.split()]
    assert [flink_keys.group_of(key, groups) for key in range(3000)] == of_flink
