"""Turns the errors of an end-to-end run into the same exit codes everywhere."""

from __future__ import annotations

import logging
from collections.abc import Callable

from payments import exit_codes


def exit_code(run: Callable[[], int]) -> int:
    """Returns what `run` returns, or the code of the error that ended it, told in a line."""
    logging.getLogger("kafka").setLevel(logging.CRITICAL)  # we kill brokers
    return exit_codes.run(run, interrupted="stopped")
