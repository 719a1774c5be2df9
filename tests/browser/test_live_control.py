"""The live page on the control: the same kill, and the page tells of payments counted twice."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from harness.waits import SELDOM_CHECKPOINTS, kill_until_rows_double
from sandbox.sandbox import Sandbox
from tests.browser import live_page
from tests.browser.live_page import WAIT_MS

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def test_kill_of_the_control_counts_twice_and_the_page_tells(
    sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("control")
    control = "harness.without_stable_input"
    with (
        live_page.chromium() as browser,
        live_page.served(sandbox, folder, "live_control", SELDOM_CHECKPOINTS, control) as live,
        live_page.opened(browser, live.address) as page,
    ):
        expect(page.locator(".banner")).to_contain_text("This is the control")

        def kill() -> None:
            page.get_by_role("button", name="Kill a TaskManager…").click()
            page.get_by_role("button", name="Kill it", exact=True).click()
            expect(page.locator("#kill .line")).to_contain_text("killed", timeout=WAIT_MS)
            caught_up = page.locator("#kill .line li.reached", has_text="caught up")
            expect(caught_up).to_be_visible(timeout=2 * WAIT_MS)

        kill_until_rows_double(live.e2e_run, live.job, kill, 300)

        expect(page.locator(".below")).to_contain_text("the books are wrong", timeout=WAIT_MS)
        page.get_by_role("button", name="Compare tables and topic").click()
        verdict = page.locator("#proof .line-of-proof")
        expect(verdict).to_have_text(
            re.compile(r"^NOT reconciled: .* double=[1-9]"), timeout=3 * WAIT_MS
        )
