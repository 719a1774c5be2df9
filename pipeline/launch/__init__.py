"""The parts before and around a submission: checks, claim, offsets, a state."""
