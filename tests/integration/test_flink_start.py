"""A job on Flink begins at the right record when its topic or state has changed since."""

from __future__ import annotations

from pathlib import Path

import pytest
from kafka import KafkaAdminClient
from kafka.admin import NewPartitions

from harness.e2e_run import PARTITIONS, E2ERun
from harness.waits import wait_for_rows
from sandbox.component import TASK_MANAGERS
from sandbox.sandbox import Sandbox
from tests.integration.sandbox_clients import wait_until
from tests.integration.test_end_to_end import MIX, TAIL_SEC
from tests.integration.test_start_from_tables import (
    counted_once,
    delete_records,
    error_of,
    launch,
    send_again,
)
from transforms.kafka.topic_watch import PartitionsAdded

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1_200)]


def test_added_partitions_stop_the_job_and_the_next_one_goes_on_without_its_state(
    sandbox: Sandbox, e2e_run: E2ERun, tmp_path: Path
) -> None:
    job = e2e_run.submit_to_flink()
    simulator = e2e_run.simulate(["--rate_per_sec=200", "--duration_sec=120", *MIX])
    wait_for_rows(e2e_run, job, TAIL_SEC)

    admin = KafkaAdminClient(bootstrap_servers=e2e_run.endpoints["kafka"])
    admin.create_partitions({e2e_run.topic: NewPartitions(PARTITIONS + 2)})
    admin.close()
    wait_until(lambda: PartitionsAdded.__name__ in e2e_run.flink.newest_failure(job), TAIL_SEC)
    simulator.stop()
    # Its state dies with it: nothing is resumed from.
    for name in TASK_MANAGERS:
        sandbox.kill(name)
    e2e_run.flink.cancel(job)

    send_again(e2e_run)  # to the added partitions too
    e2e_run.submit_to_flink([f"--start_from_tables={tmp_path / 'memory'}"])
    e2e_run.simulate(["--rate_per_sec=200", "--duration_sec=10", "--seed=2", *MIX], part=".2").wait(
        120
    )

    counted_once(e2e_run, TAIL_SEC)


def test_retention_that_has_passed_the_job_is_an_error_that_names_the_offsets(
    sandbox: Sandbox, e2e_run: E2ERun, tmp_path: Path
) -> None:
    job = e2e_run.submit_to_flink()
    e2e_run.simulate(["--rate_per_sec=200", "--duration_sec=10", *MIX]).wait(60)
    counted = e2e_run.reconcile(TAIL_SEC)
    assert counted.balanced, counted.text()
    for name in TASK_MANAGERS:
        sandbox.kill(name, restart=False)
    e2e_run.simulate(["--rate_per_sec=0", "--count=1000", "--seed=2", *MIX], part=".2").wait(60)
    end = delete_records(e2e_run, partition=0)
    for name in TASK_MANAGERS:
        sandbox.restart(name, TAIL_SEC)

    def says_so() -> bool:
        failure = e2e_run.flink.newest_failure(job)
        return "out of range" in failure and f"{e2e_run.topic}-0" in failure

    wait_until(says_so, TAIL_SEC)
    e2e_run.flink.cancel(job)
    lost = error_of(launch(e2e_run, f"--start_from_tables={tmp_path}"))
    assert f"to {end - 1} " in lost
