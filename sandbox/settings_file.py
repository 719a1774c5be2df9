"""The file of settings for `--config`: with it every command runs on this sandbox."""

from __future__ import annotations

import json
import time
from pathlib import Path

from sandbox import kafka_broker
from sandbox.endpoints import Endpoints, settings
from sandbox.layout import Layout

_TITLE = "# For --config of all commands, or PAYMENTS_CONFIG; `sandbox config` wrote it.\n"
_PARALLELISM = 2  # as many TaskManagers


def write(endpoints: Endpoints, secure: bool = False, fresh: bool = False) -> Path:
    """Writes the file, and returns where it is.

    Args:
        secure: whether Kafka is reached through TLS and a login.
        fresh: whether to name a topic, which is made, a dataset and a ledger that nobody has used:
            what ran here before is in nobody's way.
    """
    layout = Layout.of(endpoints["dir"])
    topic = dataset = endpoints["topic"]
    found: dict[str, str | int] = {"runner": "FlinkRunner", "parallelism": _PARALLELISM}
    if fresh:
        topic = dataset = time.strftime("payments_%Y%m%d_%H%M%S")
        kafka_broker.create_topic(endpoints["kafka"], topic)
        found["ledger"] = str(layout.root / f"{topic}.ledger.jsonl")
    found |= {
        "kafka_topics": topic,
        "bigquery_dataset": f"{endpoints['project']}.{dataset}",
        **settings(endpoints, secure),
    }
    # A text in JSON is one in TOML.
    lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in found.items()]
    layout.settings.write_text(_TITLE + "".join(lines), encoding="utf-8")
    return layout.settings
