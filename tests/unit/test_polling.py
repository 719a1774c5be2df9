"""A tool that waits for tables must not be what keeps them waiting."""

import pytest

from operations import polling


@pytest.mark.parametrize(
    ("took_sec", "left_sec", "pause_sec"),
    [
        (0.1, 60, 2),
        (1.5, 60, 6),  # the slower, the fewer
        (30, 60, 10),  # and someone waits for the answer
        (3, 5, 5),  # the last look is at the end of the time
        (3, -1, 0),
    ],
)
def test_next_look(took_sec: float, left_sec: float, pause_sec: float) -> None:
    assert polling.pause_sec(took_sec, left_sec) == pause_sec
