"""A page in Debian's Chromium: its picture, and what the browser says of it."""

from __future__ import annotations

import dataclasses
import os
import shutil
from pathlib import Path

import pytest

_FLAGS = (
    "--no-sandbox",  # as root it starts with nothing else
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclasses.dataclass(frozen=True)
class Seen:
    """What is there to see.

    Attributes:
        charts: how many drawings are visible and not flat.
        paper: the colour of the page.
        wider: elements of the page that are wider than it: they are cut, or it scrolls sideways.
        said: what the browser's console has.
    """

    charts: int
    paper: str
    wider: list[str]
    said: list[str]
    asked: list[str]


def chromium() -> str:
    """Returns the program; skips the test where there is none, and fails it in CI."""
    found = shutil.which("chromium")
    if found is None:
        reason = "Debian's package chromium is not installed"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def take(program: str, page: Path, file: Path, scheme: str = "light", width: int = 1280) -> Seen:
    """Draws a page into a PNG, and beside it as it is printed into a PDF."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(_FLAGS))
        try:
            tab = browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 900})
            said: list[str] = []
            asked: list[str] = []
            tab.on("console", lambda message: said.append(message.text))
            tab.on("pageerror", lambda error: said.append(str(error)))
            tab.on("request", lambda request: asked.append(request.url))
            tab.goto(page.as_uri())
            tab.screenshot(path=file, full_page=True)
            tab.pdf(path=file.with_suffix(".pdf"))
            return Seen(
                charts=tab.evaluate(
                    "[...document.querySelectorAll('svg')]"
                    ".filter(e => e.getBoundingClientRect().height > 20).length"
                ),
                paper=tab.evaluate("getComputedStyle(document.body).backgroundColor"),
                wider=tab.evaluate(
                    "[...document.querySelectorAll('main > *')]"
                    ".filter(e => e.getBoundingClientRect().right > innerWidth + 1)"
                    ".map(e => e.outerHTML.slice(0, 80))"
                ),
                said=said,
                asked=asked,
            )
        finally:
            browser.close()
