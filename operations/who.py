"""Finds out who runs this program, for the rows that say so."""

from __future__ import annotations

import getpass
import os
import socket


def user_at_host() -> str:
    """Returns user@host of this process."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # the user of a pod may have no name
        user = f"uid-{os.getuid()}"
    return f"{user}@{socket.gethostname()}"
