"""One sandbox for all of a session's tests; each test has a topic and tables of its own."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.rehearsal import Rehearsal
from sandbox.sandbox import Sandbox


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    running = Sandbox(tmp_path_factory.mktemp("sandbox"))
    running.up(lambda text: print(f"sandbox: {text}", flush=True))
    yield running
    running.down()


@pytest.fixture
def rehearsal(
    sandbox: Sandbox, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Rehearsal]:
    # The end of the name, where parameters are: two tests must not share a topic.
    name = re.sub(r"\W", "_", request.node.name)[-60:]
    prepared = Rehearsal(name, sandbox.endpoints(), tmp_path)
    prepared.prepare()
    yield prepared
    for job in prepared.flink.live_jobs():
        prepared.flink.cancel(job)
