"""What can be wrong when a job is to begin."""


class CannotStart(RuntimeError):
    """The job would lose or repeat something: the message says what, and a hint."""
