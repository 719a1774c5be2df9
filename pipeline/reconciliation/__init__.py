"""Was every record counted exactly once? Kafka against BigQuery: pure checks between thin I/O."""
