"""Goes on where a lost job stopped: offsets and memory are read back from the tables."""
