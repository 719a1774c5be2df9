"""What can go wrong in a rehearsal that is not the pipeline's fault?"""


class HarnessError(RuntimeError):
    """A part of the rehearsal failed: the message names it and its log."""
