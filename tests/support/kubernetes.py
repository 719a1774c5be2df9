"""The manifests of Kubernetes, rendered."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).parents[2]
TOOLS = REPOSITORY / ".tools/kubernetes"
OVERLAYS = ("production", "test")

Manifest = dict[str, Any]


def render(overlay: str) -> list[Manifest]:
    """Returns the manifests of an overlay, as `kubectl apply -k` would send them."""
    folder = REPOSITORY / "deploy/k8s/overlays" / overlay
    ended = subprocess.run(
        [str(TOOLS / "kustomize"), str(folder)], capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 0, ended.stderr
    return list(yaml.safe_load_all(ended.stdout))


def containers_in(node: Any) -> Iterator[Manifest]:
    """Yields every container, wherever it is."""
    if isinstance(node, list):
        for each in node:
            yield from containers_in(each)
    elif isinstance(node, dict):
        for key in ("containers", "initContainers"):
            yield from node.get(key) or ()
        for each in node.values():
            yield from containers_in(each)
