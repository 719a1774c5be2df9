"""The memory of a worker, and how it is kept in state. No Beam."""
