"""Finds the newest complete checkpoint to restore from after a total loss.

Flink writes a checkpoint's `_metadata` last and in one step: a folder without it holds half a
checkpoint. No older one will do. What was flushed after it is in the tables, and would be
appended and flushed once more.
"""

from __future__ import annotations

import re
import time
from typing import NamedTuple

from apache_beam.io.filesystem import BeamIOError, FileMetadata
from apache_beam.io.filesystems import FileSystems

from operations import places

_WHOLE = "/_metadata"
_PATTERN = re.compile(r"[*?[]")  # what Beam takes for part of a pattern


class ResumeError(RuntimeError):
    """There is nothing to resume from; the message says where it was looked for."""


class Checkpoint(NamedTuple):
    """A checkpoint or savepoint that is whole."""

    uri: str  # as Flink takes it
    age_sec: float


def newest_checkpoint(folder: str) -> Checkpoint:
    """Returns the newest checkpoint or savepoint anywhere below `folder`.

    Args:
        folder: a path or URI: the folder of one job's checkpoints, or that of several jobs of
            this pipeline, one after the other.

    Raises:
        ResumeError: there is none, or the folder cannot be read.
    """
    try:
        root = _PATTERN.sub(r"[\g<0>]", places.for_beam(folder).rstrip("/"))
        files: list[FileMetadata] = FileSystems.match([f"{root}/**"])[0].metadata_list
    except (BeamIOError, ValueError) as error:
        raise ResumeError(f"--resume: {folder} cannot be read: {error}") from None
    found = [file for file in files if file.path.endswith(_WHOLE)]
    if not found:
        raise ResumeError(
            f"--resume: no checkpoint below {folder}: nothing there holds a _metadata file. Hint: "
            "the folder is Flink's state.checkpoints.dir, or a job's folder in it; without "
            "--resume a job begins at the earliest records, with nothing remembered."
        )
    newest = max(found, key=lambda file: float(file.last_updated_in_seconds))
    place = newest.path.removesuffix(_WHOLE)
    age_sec = max(0.0, time.time() - float(newest.last_updated_in_seconds))
    return Checkpoint(places.for_flink(place), age_sec)
