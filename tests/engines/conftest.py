"""One topic and one ledger for all engines, and what each makes of them, once a session."""

import pytest

from harness.e2e_run import E2ERun
from sandbox.sandbox import Sandbox
from tests.engines.engines import Counted, Direct, Flink

# Every outcome, every kind of invalid record, copies in the same partition and in another.
TRAFFIC = (
    "--rate_per_sec=0",
    "--count=2000",
    "--duplicate_ratio=0.05",
    "--duplicate_kinds=retry,cross_partition,burst",
    "--conflict_ratio=0.03",
    "--late_ratio=0.03",
    "--invalid_ratio=0.06",
    "--reorder_ratio=0.05",
    "--seed=10",
)


@pytest.fixture(scope="session")
def traffic(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> E2ERun:
    sent = E2ERun("engines", sandbox.endpoints(), tmp_path_factory.mktemp("engines"))
    sent.prepare()
    sent.simulate(TRAFFIC).wait(300)
    return sent


@pytest.fixture(scope="session")
def direct(traffic: E2ERun) -> Counted:
    return Direct().count(traffic)


@pytest.fixture(scope="session")
def flink(traffic: E2ERun) -> Counted:
    return Flink().count(traffic)
