"""No program needs root: run by a user who owns nothing, they count every record all the same."""

import functools
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.e2e_run import E2ERun
from sandbox.layout import REPOSITORY

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user"),
]

USER = pwd.getpwnam("nobody")


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder of the user's own: those of pytest are open to root alone."""
    folder = Path(tempfile.mkdtemp(prefix="unprivileged-"))
    os.chown(folder, USER.pw_uid, USER.pw_gid)
    yield folder
    shutil.rmtree(folder)


def run(home: Path, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs `python -m module` as the user."""
    return subprocess.run(
        [*become(), sys.executable, "-m", module, *arguments],
        cwd=home,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=300,
    )


@functools.cache
def become() -> list[str]:
    """Returns the command that becomes the user, with no group and no capability.

    But for one, to read, where the interpreter lies in root's home (pyenv): nothing can be
    written, owned, bound or signalled with it.
    """
    command = ["setpriv", f"--reuid={USER.pw_uid}", f"--regid={USER.pw_gid}", "--clear-groups"]
    command += ["--no-new-privs"]
    none = [*command, "--bounding-set=-all", "--inh-caps=-all"]
    readable = subprocess.run([*none, sys.executable, "-c", ""], capture_output=True)
    if readable.returncode == 0:
        return none
    read = "-all,+dac_read_search"
    return [*command, f"--bounding-set={read}", f"--inh-caps={read}", f"--ambient-caps={read}"]


def test_simulator_pipeline_and_reconciliation_need_no_root(e2e_run: E2ERun, home: Path) -> None:
    ledger = home / "ledger.jsonl"
    flags = e2e_run.flags()
    kafka, topic = flags[0], f"--kafka_topics={e2e_run.topic}"

    simulated = run(
        home,
        "simulator",
        kafka,
        topic,
        "--count=300",
        "--rate_per_sec=0",
        "--invalid_ratio=0.05",
        f"--ledger={ledger}",
    )
    assert simulated.returncode == 0, simulated.stderr
    assert ledger.stat().st_uid == USER.pw_uid

    counted = run(home, "pipeline", "--runner=DirectRunner", *flags)
    assert counted.returncode == 0, counted.stderr

    known = [flag for flag in flags if not flag.startswith("--expansion_service")]
    compared = run(home, "payments", "reconcile", *known, f"--ledger={ledger}")
    assert compared.returncode == 0, compared.stdout + compared.stderr
    assert "read=300 " in compared.stdout


def test_control_user_may_not_write_where_root_may(home: Path) -> None:
    with tempfile.TemporaryDirectory() as roots:
        folder = Path(roots)
        folder.chmod(0o755)
        (folder / "a.py").write_text("")

        refused = run(home, "compileall", "-q", roots)

        assert "Permission denied" in refused.stdout + refused.stderr
        assert [path.name for path in folder.iterdir()] == ["a.py"]
