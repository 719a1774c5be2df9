"""Command lines of the end-to-end runs: `--help` shows a module's text and all that it can run."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from payments.parser import Parser


def parser(
    program: str,
    doc: str | None,
    kind: str = "",
    meanings: Mapping[str, str] | None = None,
) -> Parser:
    """Returns a parser with a module's docstring as its help, and a list of names, if any, below.

    Args:
        program: as it is run, such as `python -m harness.faults`.
        doc: the module's docstring; its first paragraph becomes the description.
        kind: what the names are names of, such as `faults`.
        meanings: a line on each, by its name.
    """
    title, _, rest = (doc or "").partition("\n\n")
    if meanings:
        width = max(map(len, meanings)) + 2
        lines = (f"    {name:<{width}}{meaning}" for name, meaning in meanings.items())
        rest = "\n".join((f"{rest}\n{kind}:", *lines))
    return Parser(prog=program, description=title, epilog=rest)


def add_pipeline_flags(parser: argparse.ArgumentParser) -> None:
    """Adds what stands behind a `--`: flags that a run hands on to the pipeline."""
    parser.add_argument(
        "pipeline_flags",
        nargs="*",
        metavar="-- FLAG",
        help="further flags of the pipeline, such as --max_bundle_time_mills=500",
    )
