"""`payments dead-letters`: lists, shows, edits and sends again what was rejected."""
