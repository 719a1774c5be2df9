"""`--start_from_tables`: a job whose state is lost resumes with what the tables hold."""
