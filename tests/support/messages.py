"""The messages that programs end with, read from the source: what makes an error, with its text."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

VARIABLE = "…"


class Message(NamedTuple):
    """An error that is made somewhere; … stands for what is put in when the program runs."""

    where: str
    kind: str
    text: str


def kinds(sources: dict[str, ast.Module], roots: set[str]) -> set[str]:
    """Returns the names of classes that are one of the roots, or derive from one."""
    bases = {
        node.name: {_name(base) for base in node.bases}
        for tree in sources.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    found = set(roots)
    while more := {name for name, of in bases.items() if of & found} - found:
        found |= more
    return found


def made(sources: dict[str, ast.Module], names: set[str]) -> Iterator[Message]:
    """Yields each call of one of the classes with a text, by the text of its first arguments."""
    for path, tree in sources.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _name(node.func) in names and node.args:
                text = text_of(node.args[0])
                if text is not None:
                    yield Message(f"{path}:{node.lineno}", _name(node.func), text)


def hinted(sources: dict[str, ast.Module]) -> Iterator[Message]:
    """Yields texts with a hint, wherever they stand."""
    for path, tree in sources.items():
        inner = {
            id(part)
            for node in ast.walk(tree)
            if isinstance(node, ast.JoinedStr)
            for part in node.values
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant | ast.JoinedStr) and id(node) not in inner:
                text = text_of(node)
                if text and "Hint: " in text:
                    yield Message(f"{path}:{node.lineno}", "", text)


def text_of(node: ast.expr) -> str | None:
    """Returns a text, with … for what is put in; None for what is no text, or nothing else."""
    if isinstance(node, ast.Constant):
        return _plain(node.value) if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        parts = [part.value if isinstance(part, ast.Constant) else VARIABLE for part in node.values]
        return _plain("".join(map(str, parts)))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = text_of(node.left), text_of(node.right)
        return left and _plain(left + (VARIABLE if right is None else right))
    return None


def has_words(text: str) -> bool:
    """Returns whether a text says anything by itself: others pass on what another has said."""
    return re.search(r"[a-z]{2}", text) is not None


def _plain(text: str) -> str:
    return re.sub(f"{VARIABLE}+", VARIABLE, " ".join(text.split()))


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
