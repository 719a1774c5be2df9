"""The parts of `python -m pipeline.dead_letters`: what may be sent again, and how it is sent."""
