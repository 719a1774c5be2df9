"""The exit codes of all commands, and one line on stderr for what a person can put right."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping

from payments.errors import OperatorError

WELL = 0
FINDING = 1  # looked, and something is not as it must be; or the job failed
USAGE = 2  # a mistake in what was asked for: nothing was done
COULD_NOT_LOOK = 3  # a service or a part did not answer: nobody knows
INTERRUPTED = 130  # 128 + SIGINT, as a shell has it
PIPE_CLOSED = 141  # 128 + SIGPIPE: `payments … | head` has seen enough


def run(
    command: Callable[[], int],
    also: Mapping[type[Exception], int] | None = None,
    interrupted: str = "interrupted",
) -> int:
    """Runs a command and returns its exit code.

    Args:
        command: returns the code of what it has seen.
        also: errors that are no OperatorError, and the code of each; told in a line as well.
        interrupted: what to say after Ctrl-C.
    """
    also = also or {}
    try:
        code = command()
        sys.stdout.flush()
        return code
    except OperatorError as error:
        return told(error, error.exit_code)
    except tuple(also) as error:
        return told(error, next(code for kind, code in also.items() if isinstance(error, kind)))
    except KeyboardInterrupt:
        print(interrupted, file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Who read our output has left. The interpreter must not find that out at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED


def told(error: BaseException | str, code: int) -> int:
    """Writes an error to stderr and returns the code."""
    print(f"error: {error}", file=sys.stderr, flush=True)
    return code
