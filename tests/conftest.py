"""Settings of all tests, and the one sandbox that all integration tests of a session share."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:  # imported at first use: Beam takes seconds, and most tests need none of it
    from harness.e2e_run import E2ERun
    from sandbox.sandbox import Sandbox

# What a person has said to the commands in this shell is nothing that a test should hear.
for _variable in [name for name in os.environ if name.startswith("PAYMENTS_")]:
    del os.environ[_variable]

# A test never depends on the clock being fast: these machines are shared.
settings.register_profile("here", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("here")


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    from sandbox.crash_reports import Crashes
    from sandbox.sandbox import Sandbox

    running = Sandbox(tmp_path_factory.mktemp("sandbox"))
    running.up(lambda text: print(f"sandbox: {text}", flush=True))
    crashes = Crashes(running.layout)
    yield running
    running.down()
    assert not crashes.all()  # what tests kill leaves no report


@pytest.fixture(scope="session")
def registry(sandbox: Sandbox) -> str:
    """The address of a schema registry, beside the shared sandbox."""
    return sandbox.up(with_registry=True)["registry"]


@pytest.fixture
def e2e_run(sandbox: Sandbox, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[E2ERun]:
    """A topic and tables of the test's own; its jobs end with it."""
    from harness.e2e_run import E2ERun

    # The end of the name, where parameters are: two tests must not share a topic.
    name = re.sub(r"\W", "_", request.node.name)[-60:]
    prepared = E2ERun(name, sandbox.endpoints(), tmp_path)
    prepared.prepare()
    yield prepared
    for job in prepared.flink.live_jobs():
        prepared.flink.cancel(job)
