"""Limits of what is healthy, each a flag."""

from __future__ import annotations

# Limits that can be set, each a flag: name, default, meaning. Sources of the defaults: state below
# 500 MB, an alert above a minute; an hour's records at 10,000 a minute.
LIMITS = {
    "lag_records": (600_000, "records in Kafka that are in no table yet"),
    "newest_row_age_sec": (60, "age of the newest record that is queryable, while records wait"),
    "open_transaction_sec": (60, "how long an open transaction has held back what follows it"),
    "dead_letter_ratio": (0.01, "share of invalid records among those of the window"),
    "checkpoint_age_sec": (
        60,
        "time since the newest completed checkpoint: rows appear at checkpoints",
    ),
    "watermark_age_sec": (60, "how far the slowest task is behind the clock"),
    "state_bytes": (500_000_000, "size of the newest checkpoint"),
}
