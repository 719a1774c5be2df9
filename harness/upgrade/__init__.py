"""The upgrade rehearsal: stop at a savepoint, go on from it changed, and compare the books."""
