"""The files that build and deploy pass the linters of their trade."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import get_args

import pytest

from transforms.payment.metric_names import CounterName

REPOSITORY = Path(__file__).parents[2]
TOOLS = REPOSITORY / ".venv-templates/bin"
DOCKERFILES = sorted((REPOSITORY / "templates").glob("*/Dockerfile"))
ALERTS = REPOSITORY / "templates/dataflow/terraform/alerts.tf"


def lint(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300)


def checkov(folder: Path) -> subprocess.CompletedProcess[str]:
    frameworks = ("--framework", "dockerfile", "terraform")
    quiet = ("--quiet", "--compact", "--skip-download")
    return lint(TOOLS / "checkov", "-d", folder, *frameworks, *quiet)


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.parent.name)
def test_dockerfile_is_clean(dockerfile: Path) -> None:
    ended = lint(TOOLS / "hadolint", dockerfile)

    assert ended.returncode == 0, ended.stdout


def test_control_a_careless_dockerfile_is_found(tmp_path: Path) -> None:
    careless = tmp_path / "Dockerfile"
    careless.write_text("FROM python\nRUN cd /tmp && pip install apache-beam\n")

    assert lint(TOOLS / "hadolint", careless).returncode == 1


@pytest.mark.slow
def test_policies_hold() -> None:
    ended = checkov(REPOSITORY / "templates")

    assert ended.returncode == 0, ended.stdout
    assert "Passed checks" in ended.stdout  # a folder with nothing in it passes as well


@pytest.mark.slow
def test_control_an_open_bucket_is_found(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(
        'resource "google_storage_bucket" "open" {\n  name = "open"\n  location = "EU"\n}\n'
    )

    assert checkov(tmp_path).returncode == 1


def test_every_base_image_and_package_is_pinned() -> None:
    for dockerfile in DOCKERFILES:
        bases = re.findall(r"^FROM (\S+)", dockerfile.read_text(), re.MULTILINE)
        assert bases
        # PIPELINE is our own image, which must be named with its tag.
        others = [base for base in bases if base != "${PIPELINE}"]
        assert all(re.search(r":[^:]*\d", base) and "latest" not in base for base in others)


def test_alerts_ask_for_counters_that_there_are() -> None:
    asked = set(re.findall(r'metric_name=\\"(\w+)\\"', ALERTS.read_text()))

    assert asked
    assert asked <= set(get_args(CounterName))
