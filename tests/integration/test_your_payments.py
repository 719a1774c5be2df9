"""The job's part of docs/your_payments.md, and the copy of docs/launch.md: every command is run."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic

from sandbox.sandbox import Sandbox
from tests.support import pages
from tests.support.payments import payload

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

PAGE, JOB = "docs/your_payments.md", "## 5. The job"
# The shared sandbox is up, and stays so.
SHARED = ("python -m sandbox up\n", "python -m sandbox down\n")
TEN_MINUTES = 600


def test_a_sample_becomes_a_running_job_in_ten_minutes(sandbox: Sandbox, tmp_path: Path) -> None:
    begun = time.monotonic()
    commands = "".join(pages.blocks(PAGE, begin=JOB, end="## The language"))
    for line in SHARED:
        assert line in commands
        commands = commands.replace(line, "")
    config = "python -m sandbox config"
    assert config in commands
    commands = commands.replace(config, f"{config} --dir={sandbox.layout.root}")

    made = [each for each in pages.blocks(PAGE, end=JOB) if each.startswith("cat >")]
    done = pages.run([*made, HEAD, commands], tmp_path, timeout=TEN_MINUTES)

    assert done.returncode == 0, done.stdout + done.stderr
    [verdict] = re.findall(r"^reconciled: (read=1000 .*)$", done.stdout, re.MULTILINE)
    assert verdict.endswith("missing=0 double=0"), verdict
    assert not re.search(r"(accepted|skipped|duplicate)=0", verdict), verdict
    assert time.monotonic() - begun < TEN_MINUTES


# Of the page, too: what is tried on samples before.
HEAD = "head -2 events.ndjson > good.ndjson\n"


def test_the_head_is_what_the_page_says() -> None:
    assert any(HEAD in block for block in pages.blocks(PAGE, end=JOB))


def test_commands_that_copy_a_topic(sandbox: Sandbox, tmp_path: Path) -> None:
    text = (pages.ROOT / "docs/launch.md").read_text()
    [create] = re.findall(r"^payments topic create .*\n", text, re.MULTILINE)
    [copy] = re.findall(r"^payments topic copy .*\n", text, re.MULTILINE)
    theirs = re.search(r"--from=(\S+)", copy)
    assert theirs
    servers = sandbox.endpoints()["kafka"]
    admin = KafkaAdminClient(bootstrap_servers=servers)
    admin.create_topics([NewTopic(theirs[1], 8, 1)])
    admin.close()
    producer = KafkaProducer(bootstrap_servers=servers)
    for number in range(20):
        producer.send(theirs[1], payload(transaction_id=f"tx-{number}"), timestamp_ms=1_000)
    producer.close()

    # The page has it run beside the job; --once ends it.
    commands = [create, copy.replace("\n", " --once\n")]
    done = pages.run(commands, tmp_path, 300, PAYMENTS_KAFKA_BOOTSTRAP_SERVERS=servers)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "copied 20 records; all of" in done.stdout
