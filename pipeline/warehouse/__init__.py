"""The tables, views and checks in BigQuery: the parts of `python -m pipeline.tables`."""
