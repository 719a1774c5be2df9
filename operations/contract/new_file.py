"""Writes a contract to begin with: one of the shipped ones, with its comments and schemas."""

from __future__ import annotations

import shutil
from pathlib import Path

from operations.errors import CannotCheck
from transforms.codecs.contract import shipped


def content_of(name: str) -> str:
    """Returns the text of a shipped contract.

    Raises:
        CannotCheck: this installation has none.
    """
    try:
        return shipped.path_of(name).read_text("utf-8")
    except OSError:
        raise CannotCheck(
            f"{shipped.path_of(name)} is missing. Hint: the folder contracts/ belongs beside the "
            "packages, as in a checkout and in the images"
        ) from None


def write(name: str, out: Path) -> list[Path]:
    """Writes a contract and the schemas that it names beside it; returns what was written.

    Raises:
        CannotCheck: a file is there already, or cannot be written.
    """
    text = content_of(name)
    folder = shipped.FOLDER
    copies = [
        (source, out.parent / source.relative_to(folder)) for source in shipped.schemas_of(name)
    ]
    for target in (out, *(target for _, target in copies)):
        if target.exists():
            raise CannotCheck(f"{target} is there already, and is not overwritten")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, "utf-8")
        for source, target in copies:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    except OSError as error:
        raise CannotCheck(f"{out} cannot be written: {error.strerror or error}") from None
    return [out, *(target for _, target in copies)]
