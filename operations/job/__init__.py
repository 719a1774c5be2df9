"""`payments job`: the jobs on Flink, each with its last failure, and how one is ended."""
