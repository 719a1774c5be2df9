"""Turns the errors of an end-to-end run into the same exit codes everywhere."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

from harness.errors import HarnessError
from operations.errors import CannotCheck
from sandbox.errors import SandboxError


def exit_code(run: Callable[[], int]) -> int:
    """Returns what `run` returns; 3 when a part failed, told in one line; 130 when stopped."""
    logging.getLogger("kafka").setLevel(logging.CRITICAL)  # we kill brokers
    try:
        return run()
    except (HarnessError, SandboxError, CannotCheck) as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
