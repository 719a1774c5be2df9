"""Tells the fields that a contract asks for: the others need not become Python values."""

from __future__ import annotations

from transforms.codecs.contract.language import Contract

# The names that are asked for, each with those inside it; None is all that lies there.
Tree = dict[str, "Tree | None"]


def asked_for(contract: Contract) -> Tree | None:
    """Returns the fields of the outermost layer that the contract asks for, None for all.

    What is unwrapped is asked for as a whole, so the paths inside it do no harm here.
    """
    if contract.extra is not None:
        return None
    tree: Tree = {}
    for path in contract.paths():
        if path.origin not in ("inner", "outer"):
            continue
        if not path.segments:
            return None
        _add(tree, path.segments)
    return tree


def names_of(contract: Contract) -> frozenset[str]:
    """Returns every name in the paths that lead into payloads, at whatever depth."""
    paths = [each for each in contract.paths() if each.origin in ("inner", "outer")]
    return frozenset(name for path in paths for name in path.segments)


def _add(tree: Tree, names: tuple[str, ...]) -> None:
    first, *rest = names
    if not rest:
        tree[first] = None
        return
    inner = tree.setdefault(first, {})
    if inner is not None:
        _add(inner, tuple(rest))
