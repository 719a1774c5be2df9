"""The upgrade run: stops at a savepoint, resumes from it changed, and compares the books."""
