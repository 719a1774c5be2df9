"""Excerpts of the code, found by what they are called: they move with it, or the page fails."""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_NAMED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def excerpt(path: str, name: str, docstring: bool = True) -> str:
    """Returns a function or class as a block, with a link to its file.

    Args:
        path: from the repository's root.
        name: `function`, `Class` or `Class.method`.
        docstring: whether its own docstring is shown.
    """
    source = (ROOT / path).read_text()
    node = _node(ast.parse(source), name, path)
    first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
    assert node.end_lineno is not None
    wanted = set(range(first, node.end_lineno + 1))
    if not docstring and ast.get_docstring(node) is not None:
        said = node.body[0]
        wanted -= set(range(said.lineno, (said.end_lineno or said.lineno) + 1))
    text = source.splitlines()
    return _block(path, [text[number - 1] for number in sorted(wanted)])


def lines(path: str, first: str, last: str) -> str:
    """Returns the lines from the one that holds `first` to the next that holds `last`, as a block.

    Raises:
        ValueError: not exactly one line holds `first`, or none after it holds `last`.
    """
    text = (ROOT / path).read_text().splitlines()
    starts = [number for number, line in enumerate(text) if first in line]
    if len(starts) != 1:
        raise ValueError(f"{path}: {len(starts)} lines hold {first!r}, exactly one is required")
    for number in range(starts[0], len(text)):
        if last in text[number]:
            return _block(path, text[starts[0] : number + 1])
    raise ValueError(f"{path}: no line after {first!r} holds {last!r}")


def _node(tree: ast.AST, name: str, path: str) -> ast.FunctionDef | ast.ClassDef:
    found = tree
    for part in name.split("."):
        children = [
            child
            for child in ast.iter_child_nodes(found)
            if isinstance(child, _NAMED) and child.name == part
        ]
        if len(children) != 1:
            raise ValueError(f"{path} has {len(children)} of {name}, exactly one is required")
        [found] = children
    assert isinstance(found, ast.FunctionDef | ast.ClassDef)
    return found


def _block(path: str, text: list[str]) -> str:
    kind = {".py": "py", ".sql": "sql", ".java": "java", ".yaml": "yaml"}[Path(path).suffix]
    body = textwrap.dedent("\n".join(text))
    return f"\n[`{path}`](../{path})\n\n```{kind}\n{body}\n```\n"
