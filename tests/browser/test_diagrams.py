"""Each diagram of the pages is drawn by Mermaid itself, in Debian's Chromium.

PICTURES=FOLDER keeps them, to be looked at.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Error, Page

from sandbox.layout import REPOSITORY
from tests.browser import live_page
from tests.support import diagrams
from tests.support.diagrams import Diagram

MERMAID = REPOSITORY / ".tools/mermaid/mermaid.min.js"
DIAGRAMS = diagrams.all_of(REPOSITORY)
_DRAW = """async text => {
    const {svg} = await mermaid.render('diagram', text)
    document.body.innerHTML = svg
}"""


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    if not MERMAID.exists():
        why = "Mermaid is not here: `bin/setup browser` fetches it, where npm is on PATH"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    with live_page.chromium() as browser:
        opened = browser.new_page(viewport={"width": 1000, "height": 700})
        opened.set_content("<!doctype html><body></body>")
        opened.add_script_tag(path=MERMAID)
        opened.evaluate("mermaid.initialize({startOnLoad: false})")
        yield opened


@pytest.mark.parametrize("diagram", DIAGRAMS, ids=lambda diagram: diagram.name)
def test_diagram_is_drawn(page: Page, diagram: Diagram) -> None:
    page.evaluate(_DRAW, diagram.text)

    picture = page.locator("svg#diagram")
    assert picture.bounding_box()
    if folder := os.environ.get("PICTURES"):
        picture.screenshot(path=Path(folder) / f"{diagram.name}.png")


@pytest.mark.parametrize("text", ["flowchart LR\n  A --> --> B", "sequenceDiagram\n  A->B", "x"])
def test_control_a_diagram_that_github_could_not_draw_is_found(page: Page, text: str) -> None:
    with pytest.raises(Error):
        page.evaluate(_DRAW, text)
