"""The crash suite: load, faults, and the books compared after each."""
