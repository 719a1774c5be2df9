"""Where does a job on Flink begin, when the topic or its state is no longer what it was?"""

from __future__ import annotations

from pathlib import Path

import pytest
from kafka import KafkaAdminClient
from kafka.admin import NewPartitions

from harness.moments import wait_for_rows
from harness.rehearsal import PARTITIONS, Rehearsal
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
from transforms.topic_watch import PartitionsAdded

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1_200)]


def test_added_partitions_stop_the_job_and_the_next_one_goes_on_without_its_state(
    sandbox: Sandbox, rehearsal: Rehearsal, tmp_path: Path
) -> None:
    job = rehearsal.submit_to_flink()
    simulator = rehearsal.simulate(["--rate_per_sec=200", "--duration_sec=120", *MIX])
    wait_for_rows(rehearsal, job, TAIL_SEC)

    admin = KafkaAdminClient(bootstrap_servers=rehearsal.endpoints["kafka"])
    admin.create_partitions({rehearsal.topic: NewPartitions(PARTITIONS + 2)})
    admin.close()
    wait_until(lambda: PartitionsAdded.__name__ in rehearsal.flink.newest_failure(job), TAIL_SEC)
    simulator.stop()
    # Its state dies with it: nothing is resumed from.
    for name in TASK_MANAGERS:
        sandbox.kill(name)
    rehearsal.flink.cancel(job)

    send_again(rehearsal)  # to the added partitions too
    rehearsal.submit_to_flink([f"--start_from_tables={tmp_path / 'memory'}"])
    rehearsal.simulate(
        ["--rate_per_sec=200", "--duration_sec=10", "--seed=2", *MIX], part=".2"
    ).wait(120)

    counted_once(rehearsal, TAIL_SEC)


def test_retention_that_has_passed_the_job_is_an_error_that_names_the_offsets(
    sandbox: Sandbox, rehearsal: Rehearsal, tmp_path: Path
) -> None:
    job = rehearsal.submit_to_flink()
    rehearsal.simulate(["--rate_per_sec=200", "--duration_sec=10", *MIX]).wait(60)
    counted = rehearsal.reconcile(TAIL_SEC)
    assert counted.balanced, counted.text()
    for name in TASK_MANAGERS:
        sandbox.kill(name, restart=False)
    rehearsal.simulate(["--rate_per_sec=0", "--count=1000", "--seed=2", *MIX], part=".2").wait(60)
    end = delete_records(rehearsal, partition=0)
    for name in TASK_MANAGERS:
        sandbox.restart(name, TAIL_SEC)

    def says_so() -> bool:
        failure = rehearsal.flink.newest_failure(job)
        return "out of range" in failure and f"{rehearsal.topic}-0" in failure

    wait_until(says_so, TAIL_SEC)
    rehearsal.flink.cancel(job)
    lost = error_of(launch(rehearsal, f"--start_from_tables={tmp_path}"))
    assert f"to {end - 1} " in lost
