"""The live page in Debian's Chromium, on real parts: every button to its fate, and who is refused.

Pictures for docs/live.md are made by PICTURES=docs/img.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from kafka import KafkaProducer
from playwright.sync_api import Browser, Page, expect

from sandbox.sandbox import Sandbox
from tests.browser import live_page
from tests.browser.live_page import WAIT_MS, Live

pytestmark = [pytest.mark.integration, pytest.mark.slow]

SERIOUS = ("serious", "critical")
SCRIPT = "<script>alert('x')</script><img src=x onerror=alert(1)>"
BUTTONS = {
    "Send a payment": "accepted",
    "Send it again": "duplicate",
    "Same id, other amount": "conflict",
    "Two hours old": "late",
    "Broken JSON": "invalid",
    "Storm: 100 copies": "duplicate × 100",
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with live_page.chromium() as started:
        yield started


@pytest.fixture(scope="module")
def live(
    browser: Browser, sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("live")
    with live_page.served(sandbox, folder, "live_page", ["--checkpointing_interval=3000"]) as found:
        yield found


@pytest.fixture
def page(browser: Browser, live: Live) -> Iterator[Page]:
    with live_page.opened(browser, live.address) as opened:
        yield opened


def card(page: Page, label: str) -> Any:
    """Returns the newest card of a button."""
    return page.locator(".card", has=page.get_by_role("heading", name=label)).first


def test_figures_move_by_themselves(page: Page) -> None:
    accepted = page.locator(".lanes tr", has_text="accepted").locator("b")

    expect(accepted).to_have_text(re.compile(r"[1-9]"), timeout=WAIT_MS)
    before = accepted.inner_text()
    expect(accepted).not_to_have_text(before, timeout=WAIT_MS)
    expect(page.locator(".sum")).to_contain_text("waiting")
    expect(page.locator(".below")).to_contain_text("No record stands twice")
    expect(page.locator("#verdict")).to_have_text(re.compile("well|starting"), timeout=WAIT_MS)
    for key in ("state", "age", "lag", "rate"):
        expect(page.locator(f"#chart-{key} canvas")).to_be_visible()
        page.locator(f"figure:has(#table-{key}) summary").click()
        expect(page.locator(f"#table-{key} tbody tr").first).to_be_visible()


def test_every_button_comes_to_its_fate(page: Page) -> None:
    for number, label in enumerate(BUTTONS, start=1):
        page.get_by_role("button", name=label, exact=True).click()
        expect(page.locator(".card")).to_have_count(number)
    for label, fate in BUTTONS.items():
        found = card(page, label)
        expect(found).to_have_class(re.compile(r"\bdone\b"), timeout=WAIT_MS)
        expect(found).to_contain_text(fate)
        expect(found).to_contain_text(re.compile(r"after \d+\.\d s"))
        expect(found).to_contain_text(re.compile(r"sent at live_page/\d/\d+"))
    expect(card(page, "Send it again")).to_contain_text("because it copies live_page/")
    expect(card(page, "Same id, other amount")).to_contain_text("contradicts live_page/")
    expect(card(page, "Same id, other amount")).to_contain_text("in amount_minor")
    expect(card(page, "Broken JSON")).to_contain_text("because it is not_json")

    about = page.locator("#send-id").input_value()
    page.locator("#q").fill(about)
    page.get_by_role("button", name="Look it up").click()
    expect(page.locator("#answer")).to_contain_text("1 accepted, 101 duplicate, 1 conflict")
    place = page.locator("#answer tbody tr").first.locator("td").first.inner_text()
    page.locator("#q").fill(place)
    page.get_by_role("button", name="Look it up").click()
    expect(page.locator("#answer .said")).to_contain_text(f"{place}: accepted")


def test_everything_is_reached_by_keyboard_alone(browser: Browser, live: Live) -> None:
    with live_page.opened(browser, live.address) as page:
        newest = page.locator(".card").first
        before = newest.get_attribute("data-card") if newest.count() else "0"
        _tab_to(page, "Send a payment")
        page.keyboard.press("Enter")
        expect(newest).to_have_attribute("data-card", str(int(before or 0) + 1))
        # What is shown is replaced under the reader's hands: the focus stays where it is.
        expect(page.get_by_role("button", name="Send a payment")).to_be_focused()
        _tab_to(page, "Kill a TaskManager…")
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_be_hidden()
        expect(page.get_by_role("button", name="Kill a TaskManager…")).to_be_focused()
        _tab_to(page, "Look it up")


def _tab_to(page: Page, name: str) -> None:
    for _ in range(60):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        if focused.count() and focused.inner_text().strip() == name:
            return
    raise AssertionError(f"{name} is not reached by Tab")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_has_no_serious_finding_of_axe(browser: Browser, live: Live, scheme: str) -> None:
    with live_page.opened(browser, live.address, color_scheme=scheme) as page:
        expect(page.locator(".indicators tbody tr").nth(3)).to_be_visible(timeout=WAIT_MS)
        _fails_nowhere(page)
        page.get_by_role("button", name="Kill a TaskManager…").click()
        _fails_nowhere(page)


def _fails_nowhere(page: Page) -> None:
    found = Axe().run(page).response["violations"]
    assert [
        (each["id"], [node["html"][:120] for node in each["nodes"]])
        for each in found
        if each["impact"] in SERIOUS
    ] == []


def test_control_axe_finds_a_field_without_a_name(browser: Browser, live: Live) -> None:
    with live_page.opened(browser, live.address) as page:
        page.evaluate("document.querySelector('label[for=q]').remove()")

        found = Axe().run(page).response["violations"]

        assert "label" in [each["id"] for each in found if each["impact"] in SERIOUS]


@pytest.mark.parametrize("width", [375, 760, 1280])
def test_nothing_is_wider_than_the_window(browser: Browser, live: Live, width: int) -> None:
    size = {"width": width, "height": 800}
    with live_page.opened(browser, live.address, viewport=size) as page:
        expect(page.locator(".indicators tbody tr").nth(3)).to_be_visible(timeout=WAIT_MS)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_records_are_never_executed(page: Page, live: Live) -> None:
    fields = ("transaction_id", "account_id", "merchant_id", "payment_type", "currency", "country")
    hostile = json.dumps(dict.fromkeys((*fields, "device_id", SCRIPT), SCRIPT)).encode()
    long = json.dumps({"transaction_id": "x" * 65_536, "currency": SCRIPT}).encode()
    producer = KafkaProducer(bootstrap_servers=live.e2e_run.endpoints["kafka"])
    places = [
        producer.send(live.e2e_run.topic, payload, SCRIPT.encode(), partition=1).get(30)
        for payload in (hostile, long)
    ]
    producer.close()

    page.locator("#q").fill(f"{live.e2e_run.topic}/1/{places[1].offset}")
    expect(asked_until_counted(page)).to_contain_text("invalid", timeout=WAIT_MS)
    page.locator("#q").fill(f"{live.e2e_run.topic}/1/{places[0].offset}")
    expect(asked_until_counted(page)).to_contain_text("invalid", timeout=WAIT_MS)
    page.locator("#q").fill(SCRIPT)
    page.get_by_role("button", name="Look it up").click()
    expect(page.locator("#answer")).to_contain_text("cannot look that up")
    page.locator("#send-id").fill(SCRIPT + "y" * 65_536)
    page.get_by_role("button", name="Send it again").click()
    expect(card(page, "Send it again")).to_contain_text("<script>alert(")
    assert page.locator("script").count() == 1
    assert page.locator("img").count() == 0


def asked_until_counted(page: Page) -> Any:
    """Asks again until the record is in a table; returns where the answer is."""
    answer = page.locator("#answer .said")
    for _ in range(60):
        page.get_by_role("button", name="Look it up").click()
        page.wait_for_timeout(1_000)
        if "waits for" not in answer.inner_text():
            break
    return answer


def test_foreign_names_are_refused(live: Live) -> None:
    for host in ("evil.test", "evil.test:80", "127.0.0.1.evil.test"):
        assert requests.get(live.address, headers={"Host": host}, timeout=10).status_code == 400
    assert requests.get(live.origin, timeout=10).status_code == 403


def test_page_of_another_site_can_do_nothing(browser: Browser, live: Live) -> None:
    """A form of another origin, in a browser that has the cookie."""
    target = f"{live.origin}/send"
    form = f"<form method=post action='{target}'><input name=kind value=payment></form>"
    html = f"{form}<script>document.forms[0].submit()</script>".encode()

    class Evil(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(html)

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Evil)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    context = browser.new_context()
    page = context.new_page()
    try:
        page.goto(live.address)
        cards = page.locator(".card").count()
        with page.expect_response(target) as answer:
            page.goto(f"http://localhost:{server.server_port}/", wait_until="commit")
        assert answer.value.status == 403
        page.wait_for_url(target)  # what was refused is shown first
        page.goto(live.origin)
        assert page.locator(".card").count() == cards
    finally:
        context.close()
        server.shutdown()


def test_kill_is_followed_and_proven(page: Page) -> None:
    page.get_by_role("button", name="Send a payment").click()
    page.get_by_role("button", name="Kill a TaskManager…").click()
    page.get_by_role("button", name="Kill it", exact=True).click()

    steps = page.locator("#kill .line li")
    expect(steps.nth(4)).to_have_class("reached", timeout=2 * WAIT_MS)
    assert [each.inner_text() for each in steps.locator("b").all()] == [
        "killed",
        "noticed",
        "restored",
        "running",
        "caught up",
    ]
    expect(page.locator("#kill")).to_contain_text("Counted twice since the kill: 0")

    page.get_by_role("button", name="Compare tables and topic").click()
    expect(page.locator("#proof .awaited")).to_be_visible()
    verdict = page.locator("#proof .line-of-proof")
    expect(verdict).to_be_visible(timeout=2 * WAIT_MS)
    expect(verdict).to_have_text(re.compile(r"^reconciled: read=\d+ .*missing=0 double=0$"))
    expect(page.locator(".below")).to_contain_text("Last proof: reconciled", timeout=WAIT_MS)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pictures(browser: Browser, live: Live, scheme: str, tmp_path: Path) -> None:
    folder = Path(os.environ.get("PICTURES", tmp_path))
    with live_page.opened(browser, live.address, color_scheme=scheme) as page:
        expect(page.locator(".indicators tbody tr").nth(3)).to_be_visible(timeout=WAIT_MS)
        path = folder / f"live-{scheme}.png"
        page.screenshot(path=path, full_page=True)
        assert path.stat().st_size > 50_000  # an empty page is a tenth of that
        if scheme == "light":
            page.set_viewport_size({"width": 375, "height": 812})
            page.screenshot(path=folder / "live-narrow.png")
