"""Measures from outside how fast, how fresh and how large: beside peers, on the same records."""

# First of all imports: it silences what Google's libraries announce when they are imported.
import pipeline as _pipeline

_ = _pipeline
