"""Other engines, installed by the benchmark itself; nothing of the pipeline needs them."""
