"""Flink's part of a rollout: a savepoint beside a running job, the state of two jobs, an end."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

import requests

from operations.errors import RolloutError

_TIMEOUT_SEC = 10
_POLL_SEC = 0.5
# Rows are flushed when a checkpoint has completed, and one may have been under way.
_CHECKPOINTS_TO_FLUSH = 2
# A stage that does nothing but write (pipeline/graph.py): what is on its way to a table is blue's
# own. Packing rows is part of every stage before it, whose name lists the step without its parts.
_WRITES = re.compile(r"WriteBigQuery to [^/,}]+/")


class FlinkJobs:
    """A Flink cluster by its REST address, host:port. Every method raises RolloutError."""

    def __init__(self, address: str) -> None:
        self._address = address

    def savepoint(self, job: str, timeout_sec: float, cancel: bool = False) -> str:
        """Returns the URI of a savepoint that was taken now; the job continues unless cancelled."""
        asked = self._ask("post", f"/jobs/{job}/savepoints", {"cancel-job": cancel})
        request = asked["request-id"]
        deadline = time.monotonic() + timeout_sec
        while time.monotonic() < deadline:
            answer = self._ask("get", f"/jobs/{job}/savepoints/{request}")
            if answer["status"]["id"] == "COMPLETED":
                operation = answer["operation"]
                if "location" in operation:
                    return str(operation["location"])
                cause = operation["failure-cause"]["stack-trace"].partition("\n")[0]
                raise RolloutError(f"no savepoint of {job} came about: {cause}")
            time.sleep(_POLL_SEC)
        raise RolloutError(f"no savepoint of {job} came about within {timeout_sec:.0f} s")

    def stages(self, job: str) -> dict[str, str]:
        """Returns the name of each of the job's stages, by the id under which it keeps state."""
        vertices = self._ask("get", f"/jobs/{job}")["vertices"]
        return {str(each["id"]): str(each["name"]) for each in vertices}

    def stages_with_state(self, job: str) -> dict[str, str]:
        """Returns the same of those stages that had any state in the newest checkpoint."""
        newest = (self._ask("get", f"/jobs/{job}/checkpoints")["latest"] or {}).get("completed")
        if newest is None:
            raise RolloutError(f"{job} has not completed a checkpoint yet. Hint: try again")
        tasks = self._ask("get", f"/jobs/{job}/checkpoints/details/{newest['id']}")["tasks"]
        return {
            number: name
            for number, name in self.stages(job).items()
            if tasks.get(number, {}).get("state_size", 0) > 0
        }

    def stop(self, job: str, timeout_sec: float) -> None:
        """Cancels the job, once all that it had read by now is flushed."""
        deadline = time.monotonic() + timeout_sec
        enough = self._completed(job) + _CHECKPOINTS_TO_FLUSH
        while self._completed(job) < enough:
            if time.monotonic() > deadline:
                raise RolloutError(
                    f"{job} did not checkpoint within {timeout_sec:.0f} s, so it was not stopped: "
                    "rows may wait to be flushed. Hint: is it well? `payments health`"
                )
            time.sleep(_POLL_SEC)
        self._ask("patch", f"/jobs/{job}?mode=cancel")

    def _completed(self, job: str) -> int:
        return int(self._ask("get", f"/jobs/{job}/checkpoints")["counts"]["completed"])

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        try:
            response = requests.request(
                method, f"http://{self._address}{path}", json=body, timeout=_TIMEOUT_SEC
            )
            if response.status_code == 404:
                raise RolloutError(
                    f"Flink at {self._address} knows no {path}. Hint: is the id of the job right?"
                )
            response.raise_for_status()
            return response.json()
        except (requests.RequestException, ValueError) as error:
            raise RolloutError(
                f"Flink does not answer at {self._address} as expected ({type(error).__name__}). "
                "Hint: is that the REST port of the JobManager?"
            ) from None


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
