"""build.sh and run.sh ask gcloud for the right things. A recorder replaces it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "templates/dataflow"
RECORDER = """#!{python}
import json, os, sys
with open(os.environ["RECORD"], "a") as file:
    file.write(json.dumps(sys.argv[1:]) + "\\n")
"""
IMAGE = "europe-west1-docker.pkg.dev/my-project/payments/pipeline:1.2.3"


def run(
    script: str, folder: Path, *arguments: str, **settings: str
) -> tuple[subprocess.CompletedProcess[str], list[list[str]]]:
    recorder = folder / "bin/gcloud"
    recorder.parent.mkdir()
    recorder.write_text(RECORDER.format(python=sys.executable))
    recorder.chmod(0o755)
    record = folder / "record"
    ended = subprocess.run(
        [str(SCRIPTS / script), *arguments],
        env={"PATH": f"{recorder.parent}:{os.environ['PATH']}", "RECORD": str(record), **settings},
        capture_output=True,
        text=True,
        timeout=60,
    )
    lines = record.read_text().splitlines() if record.exists() else []
    return ended, [json.loads(line) for line in lines]


def test_build_gives_the_image_its_own_name_and_says_where_the_template_is(tmp_path: Path) -> None:
    ended, [build, describe] = run("build.sh", tmp_path, PROJECT="my-project", TAG="1.2.3")

    assert ended.returncode == 0, ended.stderr
    assert f"--substitutions=_IMAGE={IMAGE}" in build
    assert f"--image={IMAGE}" in describe
    template = "gs://my-project-payments-staging/templates/payments-1.2.3.json"
    assert template in describe
    assert ended.stdout.strip() == template


def test_run_passes_lists_whole_and_updates_only_when_told(tmp_path: Path) -> None:
    parameters = ["kafka_bootstrap_servers=a:9092,b:9092", "kafka_topics=payments"]

    ended, [started] = run("run.sh", tmp_path, *parameters, PROJECT="my-project", TAG="1.2.3")

    assert ended.returncode == 0, ended.stderr
    assert f"--parameters=^;^{';'.join(parameters)}" in started
    assert "--disable-public-ips" in started
    assert "--update" not in started


def test_update_maps_renamed_steps(tmp_path: Path) -> None:
    settings = {"PROJECT": "my-project", "TAG": "1.2.3", "UPDATE": "1", "MAPPING": "Old=New"}

    _, [started] = run("run.sh", tmp_path, PARAMETERS="kafka_topics=payments", **settings)

    assert "--update" in started
    assert "--transform-name-mappings=Old=New" in started
    assert "--parameters=^;^kafka_topics=payments" in started


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"TAG": "1"}, "PROJECT is required"),
        ({"PROJECT": "my-project"}, "TAG is required"),
        ({"PROJECT": "my-project", "TAG": "1"}, "parameters are required"),
    ],
)
def test_what_is_missing_is_told_and_nothing_is_asked_for(
    tmp_path: Path, settings: dict[str, str], words: str
) -> None:
    ended, asked = run("run.sh", tmp_path, **settings)

    assert ended.returncode == 2
    assert words in ended.stderr
    assert "hint:" in ended.stderr
    assert asked == []
