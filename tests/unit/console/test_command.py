"""`payments live` refuses in a line what it may not do; `make live` before it starts anything."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from harness import live
from payments import cli, exit_codes

REPOSITORY = Path(__file__).resolve().parents[3]
KAFKA, BIGQUERY, FLINK = "127.0.0.1:19092", "127.0.0.1:19050", "127.0.0.1:18081"
FLAGS = [
    f"--kafka_bootstrap_servers={KAFKA}",
    "--kafka_topics=payments",
    "--bigquery_dataset=sandbox.payments",
    f"--bigquery_endpoint={BIGQUERY}",
    f"--flink={FLINK}",
]


def told(capsys: pytest.CaptureFixture[str], *flags: str) -> tuple[int, str]:
    try:
        code = cli.main(["live", *FLAGS, *flags])
    except SystemExit as ended:
        code = int(str(ended.code))
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1, printed.err
    return code, printed.err


@pytest.fixture
def taken() -> int:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def sandbox(folder: Path, **changed: str) -> str:
    own = {"kafka": KAFKA, "kafka_sasl_ssl": "x:1", "bigquery": BIGQUERY, "flink_rest": FLINK}
    (folder / "endpoints.json").write_text(json.dumps(own | changed))
    return f"--sandbox={folder}"


@pytest.mark.parametrize("listen", ["0.0.0.0:8080", "example.com:80", "[::]:80", "10.0.0.1:1"])
def test_other_machines_are_not_served(capsys: pytest.CaptureFixture[str], listen: str) -> None:
    code, said = told(capsys, f"--listen={listen}")

    assert code == exit_codes.USAGE
    assert "must be a port of 127.0.0.1" in said and "Hint" in said


@pytest.mark.parametrize("listen", ["70000", "x", "-1", "127.0.0.1:"])
def test_port_is_a_number(capsys: pytest.CaptureFixture[str], listen: str) -> None:
    code, said = told(capsys, f"--listen={listen}")

    assert code == exit_codes.USAGE and "must be a port" in said


def test_port_that_is_taken_is_told(capsys: pytest.CaptureFixture[str], taken: int) -> None:
    code, said = told(capsys, f"--listen={taken}")

    assert code == exit_codes.COULD_NOT_LOOK
    assert f"cannot listen on 127.0.0.1:{taken}" in said and "Hint" in said


def test_sandbox_that_is_down_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, said = told(capsys, f"--sandbox={tmp_path}")

    assert code == exit_codes.COULD_NOT_LOOK and "no sandbox is up" in said


@pytest.mark.parametrize("name", ["kafka", "bigquery", "flink_rest"])
def test_nothing_but_the_sandbox_is_acted_on(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str
) -> None:
    code, said = told(capsys, sandbox(tmp_path, **{name: "127.0.0.1:1"}))

    assert code == exit_codes.USAGE
    assert "which is that of the sandbox" in said and "got 127.0.0.1:" in said


def test_port_of_make_live_is_looked_at_first(
    capsys: pytest.CaptureFixture[str], taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "Sandbox", None)  # called, it would raise

    code = live.main([f"--port={taken}"])

    assert code == exit_codes.COULD_NOT_LOOK
    assert "cannot listen" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, exit_codes.WELL), (signal.SIGINT, exit_codes.INTERRUPTED)]
)
def test_page_answers_at_the_printed_address_until_it_is_ended(number: int, code: int) -> None:
    """Nothing that it asks answers: the page is there all the same, and says so."""
    page = subprocess.Popen(
        [sys.executable, "-m", "payments", "live", *FLAGS],
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background job ignores SIGINT, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        assert page.stdout is not None
        address = page.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{32}", address)
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        assert "Payments, counted exactly once" in opener.open(address).read().decode()
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(address.partition("?")[0])
        page.send_signal(number)
        assert page.wait(20) == code
        assert page.stderr is not None and "Traceback" not in page.stderr.read()
    finally:
        page.kill()
        page.wait()
