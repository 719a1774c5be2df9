"""`payments rollout`: a new version beside the running one, compared before it is switched to.

rollout, flink_jobs              the steps of a rollout
comparison                       whether green counts as blue does
ranges, serving, views           who is read for which records
text                             what people see
"""
