"""The one command, `payments`: the job, and what people run beside it."""
