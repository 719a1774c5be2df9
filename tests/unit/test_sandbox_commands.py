"""The sandbox's help teaches, and its error messages name a way out."""

import json
from typing import NamedTuple

import pytest

from sandbox import cli, endpoints, preflight
from sandbox.component import NAMES, OPTIONAL
from sandbox.errors import SandboxError
from sandbox.layout import Layout


class DiskUsage(NamedTuple):
    free: int


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    try:
        code = cli.main(arguments)
    except SystemExit as end:  # argparse
        code = int(end.code or 0)
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_help_names_every_command_and_component(capsys) -> None:
    code, out, _ = run(capsys, "--help")

    assert code == 0
    for word in ("up", "down", "status", "kill", "restart", "flags", "config", *NAMES, *OPTIONAL):
        assert word in out


@pytest.mark.parametrize("command", ["status", "flags", "config", "kill kafka", "restart kafka"])
def test_command_without_a_sandbox_says_how_to_start_one(capsys, tmp_path, command) -> None:
    code, out, err = run(capsys, *command.split(), "--dir", str(tmp_path))

    assert (code, out) == (3, "")
    assert "no sandbox is up" in err
    assert "Hint: python -m sandbox up" in err


def test_down_without_a_sandbox_is_no_error(capsys, tmp_path) -> None:
    code, _, _ = run(capsys, "down", "--dir", str(tmp_path / "never made"))

    assert code == 0
    assert not (tmp_path / "never made").exists()


def test_unknown_component_is_refused(capsys, tmp_path) -> None:
    code, _, err = run(capsys, "kill", "nope", "--dir", str(tmp_path))

    assert code == 2
    assert "nope" in err


def test_wrong_port_is_refused_before_anything_starts(capsys, tmp_path) -> None:
    code, _, err = run(capsys, "up", "--port", "kafka=x", "--dir", str(tmp_path / "d"))

    assert code == 2
    assert "'x' is not a port" in err
    assert not (tmp_path / "d").exists()


def test_missing_java_is_named(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(preflight, "BIGQUERY_PYTHON", preflight.PYTHON)
    monkeypatch.setattr(preflight, "JAVA_HOME", preflight.REPOSITORY / ".tools/nothing-here")

    with pytest.raises(SandboxError, match=r"Java: \.tools/nothing-here") as caught:
        preflight.check(Layout.of(tmp_path))
    assert "make setup" in caught.value.hint


def test_full_disk_is_named(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(preflight, "_check_tools", lambda: None)
    monkeypatch.setattr(preflight.shutil, "disk_usage", lambda path: DiskUsage(5 << 20))

    with pytest.raises(SandboxError, match="nearly full: 5 MiB free"):
        preflight.check(Layout.of(tmp_path))


def test_endpoints_are_read_back_and_become_flags(tmp_path) -> None:
    written = {key: "127.0.0.1:1" for key in endpoints.Endpoints.__annotations__}
    written |= {"project": "sandbox", "dir": str(tmp_path), "pids": {"kafka": 7}}
    endpoints.save(written)

    loaded = endpoints.load(tmp_path)

    assert loaded == json.loads((tmp_path / "endpoints.json").read_text()) == written
    flags = endpoints.pipeline_flags(loaded)
    assert "--bigquery_endpoint=127.0.0.1:1" in flags
    assert "--environment_type=EXTERNAL" in flags
