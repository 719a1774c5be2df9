"""Runs the whole system on a sandbox: simulator, pipeline, faults, reconciliation."""

import pipeline as pipeline  # for its quiet imports of Google's libraries
