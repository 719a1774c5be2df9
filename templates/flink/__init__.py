"""What runs in the pods beside Flink: the pool of Python workers, and a watchdog."""
