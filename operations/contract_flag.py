"""The flag --contract of tools, and the contract that it names."""

from __future__ import annotations

import argparse
from pathlib import Path

from payments.parser import Parser
from transforms.codecs.contract import named as by_name
from transforms.codecs.contract.language import Contract
from transforms.codecs.contract.named import WrongContract

__all__ = ["WrongContract", "add", "named", "of"]


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
    return named(arguments.contract)


def named(said: str | None) -> Contract:
    """Returns the contract that a text names: a file, or one that comes along.

    Raises:
        WrongContract: it is wrong, or cannot be read.
    """
    return by_name.named(said, _read)


def _read(place: str) -> bytes:
    return Path(place).read_bytes()
