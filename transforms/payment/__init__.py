"""The core: what a payment is and what may become of it. No Beam, no Kafka, no BigQuery."""
