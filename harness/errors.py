"""Errors of an end-to-end run that are not the pipeline's fault."""


class HarnessError(RuntimeError):
    """A part of the run failed: the message names it and its log."""
