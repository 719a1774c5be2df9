"""One job a set of tables: each launch claims them in the table `runs` before it is submitted."""
