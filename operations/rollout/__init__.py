"""`payments rollout`: a new version beside the running one, compared before it is switched to."""
