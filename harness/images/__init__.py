"""Builds every image that ships, looks into each, and runs the job from their own files."""
