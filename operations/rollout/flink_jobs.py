"""Flink's part of a rollout: the stages of two jobs, and an end once rows are flushed."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping

from operations.errors import RolloutError
from operations.flink_client import FlinkClient

_POLL_SEC = 0.5
# Rows are flushed when a checkpoint has completed, and one may have been under way.
_CHECKPOINTS_TO_FLUSH = 2
# A stage that does nothing but write (pipeline/graph.py): what is on its way to a table is blue's
# own. Packing rows is part of every stage before it, whose name lists the step without its parts.
_WRITES = re.compile(r"WriteBigQuery to [^/,}]+/")


class FlinkJobs:
    """The jobs of a Flink cluster. Every method raises RolloutError, or FlinkError."""

    def __init__(self, client: FlinkClient) -> None:
        self._client = client

    def stages(self, job: str) -> dict[str, str]:
        """Returns the name of each of the job's stages, by the id under which it keeps state."""
        vertices = self._client.details(job)["vertices"]
        return {str(each["id"]): str(each["name"]) for each in vertices}

    def stages_with_state(self, job: str) -> dict[str, str]:
        """Returns the same of those stages that had any state in the newest checkpoint."""
        newest = (self._client.get(f"/jobs/{job}/checkpoints")["latest"] or {}).get("completed")
        if newest is None:
            raise RolloutError(f"{job} has not completed a checkpoint yet. Hint: try again")
        tasks = self._client.get(f"/jobs/{job}/checkpoints/details/{newest['id']}")["tasks"]
        return {
            number: name
            for number, name in self.stages(job).items()
            if tasks.get(number, {}).get("state_size", 0) > 0
        }

    def stop(self, job: str, timeout_sec: float) -> None:
        """Cancels the job, once all that it had read by now is flushed."""
        deadline = time.monotonic() + timeout_sec
        enough = self._client.checkpoints(job).completed + _CHECKPOINTS_TO_FLUSH
        while self._client.checkpoints(job).completed < enough:
            if time.monotonic() > deadline:
                raise RolloutError(
                    f"{job} did not checkpoint within {timeout_sec:.0f} s, so it was not stopped: "
                    "rows may wait to be flushed. Hint: is it well? `payments health`"
                )
            time.sleep(_POLL_SEC)
        self._client.ask_to_cancel(job)


def state_left_behind(blue: Mapping[str, str], green: Mapping[str, str]) -> list[str]:
    """Returns the stages of blue whose state green did not take over, other than those that write.

    Flink gives state to the stage of the same id, and was told to leave the rest: rows on their way
    to blue's tables. A stage that remembers must not be among it.

    Args:
        blue: its stages that have state, name by id.
        green: all its stages.
    """
    return sorted(
        name for number, name in blue.items() if number not in green and not _WRITES.search(name)
    )
