"""The core: what a payment is and what may become of it. No Beam, no Kafka, no BigQuery.

transaction      a record, and the payment in it
rules            what a payment must keep to be counted; batch_rules asks many at once
outcome          how a record can end
dedup_policy     first, duplicate or conflict
dead_letter      why a record was rejected
fraud_rules      which payments raise an indicator
tables           every column of every table
metric_names     every counter
replay           the header of a dead letter that is sent again
ends_job         errors that end a job for good
"""
