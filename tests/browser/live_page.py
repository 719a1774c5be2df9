"""A browser, and a live page with a job and traffic on the session's sandbox."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from harness import live
from harness.e2e_run import E2ERun
from harness.programs import Program
from operations import bigquery_client
from operations.tables import bigquery_views, sql_files
from sandbox.sandbox import Sandbox

WAIT_MS = 150_000
RATE = 10
# Without a display, as root in CI, and asking nobody but us.
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclasses.dataclass
class Live:
    """A page that was started as a user starts it."""

    e2e_run: E2ERun
    job: str
    page: Program
    address: str

    @property
    def origin(self) -> str:
        return self.address.partition("/?")[0]


@contextlib.contextmanager
def served(
    sandbox: Sandbox,
    folder: Path,
    name: str,
    pipeline_flags: Sequence[str] = (),
    module: str = "pipeline",
) -> Iterator[Live]:
    """Starts job, traffic and page, and ends them."""
    control = module != "pipeline"
    with contextlib.ExitStack() as stack:
        e2e_run = E2ERun(name, sandbox.endpoints(), folder)
        e2e_run.prepare()
        client = bigquery_client.connect("sandbox", e2e_run.endpoints["bigquery"])
        bigquery_views.create(client, e2e_run.name, sql_files.views())
        flags = {"rate": RATE, "port": 0, "control": control, "seed": 7}
        arguments = argparse.Namespace(**flags, dir=str(sandbox.layout.root))
        page = live.start_page(e2e_run, arguments)
        stack.callback(page.stop)
        address = live.address_of(page)
        job = e2e_run.submit_to_flink(pipeline_flags, module=module)
        stack.callback(e2e_run.flink.cancel, job)
        simulator = e2e_run.simulate(live.traffic(arguments))
        stack.callback(simulator.stop)
        yield Live(e2e_run, job, page, address)


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Starts Debian's Chromium; without it tests are skipped, but never in CI."""
    program = shutil.which("chromium")
    if program is None:
        why = "chromium is not installed: `bin/setup browser` installs it, as root on Debian"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(_FLAGS))
        yield browser
        browser.close()


@contextlib.contextmanager
def opened(browser: Browser, address: str, **how: Any) -> Iterator[Page]:
    """Opens the page in a context of its own; nothing may be said on its console."""
    how.setdefault("viewport", {"width": 1280, "height": 900})
    context = browser.new_context(**how)
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(f"dialog: {dialog.message}"))
    page.goto(address)
    yield page
    context.close()
    assert said == []
