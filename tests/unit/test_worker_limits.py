"""A Beam worker keeps a limited number of failed bundles, on every runner."""

from __future__ import annotations

import sys

import apache_beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions, SetupOptions
from apache_beam.runners.worker import sdk_worker, sdk_worker_main

from pipeline import runners

FAILED = 1_000
OURS = "pipeline.worker_limits"


class Channels:
    def cleanup(self, instruction: str) -> None:
        pass


@pytest.fixture(autouse=True)
def fresh_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that has imported nothing; what a test sets in Beam ends with it."""
    monkeypatch.setattr(sdk_worker, "MAX_FAILED_INSTRUCTIONS", sdk_worker.MAX_FAILED_INSTRUCTIONS)
    monkeypatch.delitem(sys.modules, OURS, raising=False)


def kept_by_worker(plugins: list[str]) -> list[str]:
    """Imports the plugins as Beam's worker does at its start, and has bundles fail."""
    sdk_worker_main._import_beam_plugins(plugins)
    cache = sdk_worker.BundleProcessorCache(None, None, Channels(), {})
    for number in range(FAILED):
        cache.discard(str(number), RuntimeError("UNAVAILABLE"))
    return list(cache.failed_instruction_ids)


@pytest.mark.parametrize("runner", ["FlinkRunner", "DataflowRunner", "DirectRunner"])
def test_every_runner_tells_its_workers(runner: str) -> None:
    options = PipelineOptions(["--beam_plugins=somebody.elses"])

    runners.apply_defaults(options, runner, "payments")

    told = options.view_as(SetupOptions).beam_plugins
    assert told == ["somebody.elses", OURS]


def test_worker_keeps_the_last_hundred_failures() -> None:
    assert kept_by_worker([OURS]) == [str(number) for number in range(FAILED - 100, FAILED)]


def test_control_beam_alone_keeps_them_all() -> None:
    assert len(kept_by_worker([])) == FAILED


def test_limit_goes_with_the_beam_that_needs_it() -> None:
    version = tuple(int(part) for part in apache_beam.__version__.split(".")[:2])
    assert version < (2, 76), f"Beam keeps texts alone by itself: remove {OURS}"
