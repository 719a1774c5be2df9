"""The core: what a payment is and what may become of it. No Beam, no Kafka, no BigQuery.

transaction      a record, and the payment in it: its fields are declared here
rules            what a payment must keep to be counted; batch_rules asks many at once
outcome          how a record can end
dedup_policy     first, duplicate or conflict
dead_letter      why a record was rejected
fraud_rules      which payments raise an indicator
tables           every table and its columns
fields, cells    how a field declares its column, and how it is read back from there
metric_names     every counter
replay           the header of a dead letter that is sent again
ends_job         errors that end a job for good
"""
