"""Programs that run in the pods beside Flink: the pool of Python workers, and a watchdog."""
