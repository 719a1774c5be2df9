"""Widths of the numbers that state is packed in, and the greatest values that follow from them.

What is wider would not be refused by numpy in every case: an arrival that does not fit is cut, and
its id counts as forgotten. So flags and topics are checked against these before a job begins.
"""

from __future__ import annotations

# Of an id that is remembered (id_memory.ENTRY).
ARRIVAL_BITS = 32  # milliseconds since its bucket began
PARTITION_BITS = 16
TOPIC_BITS = 16

# Ids are kept for at most a horizon and a bucket: 1.25 horizons.
BUCKETS_PER_HORIZON = 4

BUCKET_MS_MAX = 1 << ARRIVAL_BITS
HORIZON_SEC_MAX = BUCKETS_PER_HORIZON * BUCKET_MS_MAX // 1_000  # 198 days
PARTITION_MAX = (1 << PARTITION_BITS) - 1
# Names are numbered as they come and keep their numbers, so a job may exchange all its topics a few
# times.
TOPICS_MAX = 1_000
