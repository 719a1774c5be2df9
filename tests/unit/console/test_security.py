"""The live page refuses who should not ask, and tells browsers what they may load."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from console import app
from console.security import BODY_BYTES_MAX
from tests.support import console_world as world
from tests.support.console_world import COOKIE, OWN, TOKEN

REPOSITORY = Path(__file__).resolve().parents[3]
POSTS = {"/send": "kind=payment", "/kill": "component=taskmanager-1", "/prove": ""}
READS = ("/", "/look-up?q=tx-1", "/static/live.js", "/runbook/None")


def post(browser: TestClient, path: str, **headers: str) -> int:
    headers = {"content-type": "application/x-www-form-urlencoded", **headers}
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return browser.post(path, content=POSTS[path], headers=headers).status_code


@pytest.fixture
def browser() -> TestClient:
    return world.client(world.parts())


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize("host", ["evil.test", "evil.test:80", "127.0.0.1.evil.test", "", "[::1]"])
def test_foreign_name_is_refused(browser: TestClient, path: str, host: str) -> None:
    """A name of somebody else's may be bound to 127.0.0.1: the browser then takes us for it."""
    answer = browser.get(path, headers={"host": host})

    assert answer.status_code == 400
    assert TOKEN not in answer.text


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8000"])
def test_control_own_name_is_answered(browser: TestClient, host: str) -> None:
    assert browser.get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("path", [*READS, "/events", "/none"])
def test_nobody_is_answered_without_the_token(path: str) -> None:
    browser = TestClient(app.build(world.parts(), TOKEN, COOKIE), base_url="http://127.0.0.1")
    for cookie in (None, "", "wrong", TOKEN[:-1], TOKEN + "x"):
        browser.cookies.clear()
        if cookie is not None:
            browser.cookies.set(COOKIE, cookie)
        assert browser.get(path).status_code == 403
    assert browser.get(f"{path}?token=wrong").status_code == 403


@pytest.mark.parametrize("path", POSTS)
def test_nothing_is_done_without_the_token(path: str) -> None:
    browser = TestClient(app.build(world.parts(), TOKEN, COOKIE), base_url="http://127.0.0.1")

    assert post(browser, path, **OWN) == 403
    assert post(browser, f"{path}", cookie=f"{COOKIE}=wrong", **OWN) == 403


def test_token_of_the_address_becomes_a_cookie_that_no_script_reads() -> None:
    browser = TestClient(
        app.build(world.parts(), TOKEN, COOKIE), base_url="http://127.0.0.1", follow_redirects=False
    )

    answer = browser.get(f"/?token={TOKEN}")

    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}={TOKEN};")
    assert {"HttpOnly", "SameSite=strict"} <= set(cookie.split("; "))
    assert browser.get("/").status_code == 200
    # Where it leads to is never what the address says.
    assert browser.get(f"//evil.test/?token={TOKEN}").headers["location"] == "/"


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "cross-site", "origin": "http://127.0.0.1:8000"},
        {"origin": "http://evil.test"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "null"},
    ],
)
def test_page_of_another_site_changes_nothing(path: str, headers: dict[str, str]) -> None:
    parts = world.parts()

    assert post(world.client(parts), path, **headers) == 403
    assert parts.sender.asked == []  # type: ignore[union-attr]
    assert parts.killer.newest is None and parts.prover.newest is None  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "none"},
        {"origin": "http://127.0.0.1:8000"},
        {},
    ],
)
def test_control_own_page_changes(browser: TestClient, headers: dict[str, str]) -> None:
    assert post(browser, "/send", accept="application/json", **headers) == 200


@pytest.mark.parametrize("path", POSTS)
def test_get_changes_nothing(browser: TestClient, path: str) -> None:
    assert browser.get(f"{path}?kind=payment&component=taskmanager-1").status_code == 405


@pytest.mark.parametrize("path", [*READS, "/none"])
@pytest.mark.parametrize("host", ["127.0.0.1", "evil.test"])
def test_every_answer_says_what_a_browser_may_load(
    browser: TestClient, path: str, host: str
) -> None:
    headers = browser.get(path, headers={"host": host}).headers

    assert "default-src 'self'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in headers


def test_templates_hold_no_script_style_or_handler_and_mark_nothing_safe() -> None:
    wrong = re.compile(
        r"<script(?! type=\"module\" src=)|<style|\son\w+=|\sstyle=|\|\s*safe|https?://"
    )
    for path in (REPOSITORY / "console/templates").rglob("*.html"):
        assert wrong.search(path.read_text()) is None, path


def test_control_what_templates_must_not_hold_is_found() -> None:
    wrong = re.compile(
        r"<script(?! type=\"module\" src=)|<style|\son\w+=|\sstyle=|\|\s*safe|https?://"
    )
    for text in ("<script>x", '<p onclick="x">', '<p style="x">', "{{ x | safe }}", "http://cdn"):
        assert wrong.search(text)


def test_body_without_bounds_is_refused(browser: TestClient) -> None:
    body = "kind=payment&id=" + "x" * BODY_BYTES_MAX

    assert browser.post("/send", content=body, headers=OWN).status_code == 413
    assert browser.post("/send", content=iter([b"kind=payment"]), headers=OWN).status_code == 413


def test_vendored_files_are_those_that_were_published() -> None:
    import hashlib

    lines = (REPOSITORY / "console/static/vendor/SHA256SUMS").read_text().splitlines()
    digests = dict(reversed(line.split("  ")) for line in lines)
    folder = REPOSITORY / "console/static/vendor"
    assert {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.name != "SHA256SUMS"
    } == digests
