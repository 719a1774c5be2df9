"""Ends the TaskManagers of the sandbox that hang (hung_tasks.py)."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.layout import Layout
from sandbox.supervision import Supervisor
from templates.flink import hung_tasks

_LOG = logging.getLogger("watchdog")


def main() -> None:
    """Watches until terminated."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flink", required=True, help="host:port of the JobManager's REST")
    parser.add_argument("--dir", type=Path, required=True, help="the sandbox's folder")
    parser.add_argument("--patience_sec", type=float, required=True)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    supervisor = Supervisor(Layout.of(arguments.dir))

    def kill(name: str) -> None:
        try:
            supervisor.kill(name)
        except (SandboxError, OSError) as error:
            _LOG.warning("%s: %s", name, error)

    hung_tasks.watch(arguments.flink, arguments.patience_sec, kill)


if __name__ == "__main__":
    main()
