"""`payments tables`: makes, compares, checks and generates tables and views."""
