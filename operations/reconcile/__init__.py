"""`payments reconcile`: compares Kafka with the tables, record by record, and writes a verdict."""
