"""Resuming picks the newest complete checkpoint, and says so when there is none."""

import os
from pathlib import Path

import pytest

from pipeline.launch import resume


def checkpoint(folder: Path, at_sec: int, whole: bool = True) -> None:
    folder.mkdir(parents=True)
    (folder / "state-1").touch()
    if whole:
        (folder / "_metadata").touch()
        os.utime(folder / "_metadata", (at_sec, at_sec))


def test_newest_whole_one_of_several_jobs_is_taken(tmp_path: Path) -> None:
    checkpoint(tmp_path / "job-b" / "chk-9", 100)
    checkpoint(tmp_path / "job-a" / "chk-10", 300)
    checkpoint(tmp_path / "job-a" / "chk-9", 200)
    checkpoint(tmp_path / "job-a" / "chk-11", 400, whole=False)

    assert resume.newest_checkpoint(str(tmp_path)).uri == f"file://{tmp_path}/job-a/chk-10"


def test_age_is_that_of_the_checkpoint(tmp_path: Path) -> None:
    checkpoint(tmp_path / "chk-1", at_sec=0)

    assert resume.newest_checkpoint(str(tmp_path)).age_sec > 50 * 365 * 86_400


@pytest.mark.parametrize("part", ["", "savepoint-1234", "savepoint-1234/"])
def test_folder_may_be_a_uri_and_the_savepoint_itself(tmp_path: Path, part: str) -> None:
    checkpoint(tmp_path / "savepoint-1234", 100)

    found = resume.newest_checkpoint(f"{tmp_path.as_uri()}/{part}")

    assert found.uri == f"file://{tmp_path}/savepoint-1234"


def test_half_a_checkpoint_is_none(tmp_path: Path) -> None:
    checkpoint(tmp_path / "chk-1", 100, whole=False)

    with pytest.raises(resume.ResumeError, match=f"no checkpoint below {tmp_path}"):
        resume.newest_checkpoint(str(tmp_path))


@pytest.mark.parametrize("folder", ["/no/such/folder", "hdfs://nobody/x", "nonsense://x"])
def test_folder_that_cannot_be_read_is_named(folder: str) -> None:
    with pytest.raises(resume.ResumeError, match=folder):
        resume.newest_checkpoint(folder)
