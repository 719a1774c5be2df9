"""What keeps a rollout from going on?"""

from __future__ import annotations


class RolloutError(RuntimeError):
    """Nothing was changed: the message says what was required, what was found, and a hint."""
