"""Errors by which BigQuery stops the job: what was asked, what came back, and a hint."""

from __future__ import annotations

from transforms.payment.ends_job import EndsJob


class CannotWrite(RuntimeError):
    """BigQuery does not take rows, or rows that it took are gone; nothing is skipped."""


class RefusedRow(CannotWrite):
    """BigQuery refused a row that has no other table to go to."""


class ClaimLost(EndsJob):
    """The tables are another run's: nothing of this one may become visible any more."""
