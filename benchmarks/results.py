"""Stores measurements: a JSON file each, committed beside the code that was measured."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent / "results"


def write(kind: str, document: Mapping[str, Any]) -> Path:
    """Writes a document and returns its file, named by the moment and the kind."""
    _FOLDER.mkdir(exist_ok=True)
    file = _FOLDER / f"{time.strftime('%Y%m%d_%H%M%S')}_{kind}.json"
    file.write_text(json.dumps(document, indent=2) + "\n")
    return file
