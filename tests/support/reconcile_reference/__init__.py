"""The reconciliation written plainly, all in memory: what the one on disk is compared with."""
