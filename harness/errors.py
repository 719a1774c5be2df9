"""Errors of an end-to-end run that are not the pipeline's fault."""

from __future__ import annotations

from payments import exit_codes
from payments.errors import OperatorError


class HarnessError(OperatorError):
    """A part of the run failed: the message names it and its log."""

    exit_code = exit_codes.COULD_NOT_LOOK
