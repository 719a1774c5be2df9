"""Kafka as all programs read it: settings, connections, one reader. No Beam."""
