"""The version of pipeline and operations; setup.py reads it here."""

VERSION = "0.1.0"
