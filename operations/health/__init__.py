"""`payments health`: how the job, its topics and its tables are."""
