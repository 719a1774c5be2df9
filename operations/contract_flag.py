"""The flag --contract of tools, and the contract that it names."""

from __future__ import annotations

import argparse
from pathlib import Path

from payments.parser import Parser
from transforms.codecs.contract.language import Contract
from transforms.codecs.contract.named import WrongContract, named

__all__ = ["WrongContract", "add", "of"]


def add(parser: Parser, meaning: str) -> None:
    """Adds --contract.

    Args:
        meaning: what the command does with it.
    """
    parser.add_setting(
        "contract",
        meaning=f"{meaning} A contract file, or the name of one that comes along (default: native, "
        "our own JSON).",
    )


def of(arguments: argparse.Namespace) -> Contract:
    """Returns the contract that --contract names.

    Raises:
        WrongContract: it is wrong, or cannot be read.
    """
    return named(arguments.contract, _read)


def _read(place: str) -> bytes:
    return Path(place).read_bytes()
