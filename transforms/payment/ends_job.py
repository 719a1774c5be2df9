"""Errors by which a step ends its job for good: a restart would meet the same again, for ever."""

from __future__ import annotations

# In the message, for that is all that leaves a worker. Flink's side looks for it
# (templates/expansion/patches/stops-end-the-job.diff); Dataflow has no end but a person's.
MARK = "[this ends the job]"


class EndsJob(RuntimeError):
    """The message says why, and a hint."""

    def __init__(self, message: str) -> None:
        # Beam makes an error anew to tell in which step it was raised.
        super().__init__(message if MARK in message else f"{message} {MARK}")


def without_mark(message: str) -> str:
    """Returns a message as a person reads it."""
    return message.replace(f" {MARK}", "")
