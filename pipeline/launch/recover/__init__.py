"""`--start_from_tables`: a job that goes on with what the tables hold, when its state is lost."""
