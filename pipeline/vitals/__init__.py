"""How is a running job? What Flink, Kafka and BigQuery say, and what of it is too much."""
