"""How fast, how fresh, how large? Measured from outside, beside others on the same records."""

# First of all imports: it silences what Google's libraries announce when they are imported.
import pipeline as _pipeline

_ = _pipeline
