"""Two jobs beside each other, one of which is read: the parts of `python -m pipeline.deploy`."""
