"""Prints the documents of `--json`."""

from __future__ import annotations

import orjson


def show(document: object) -> None:
    """Prints a document for programs, on stdout and at once."""
    print(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode(), flush=True)
