"""`payments runs`: the table of launches, who holds the tables, and the limits of a run."""
