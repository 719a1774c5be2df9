"""`payments reconcile`: compares Kafka with the tables, record by record, and writes a verdict.

kafka_side, bigquery_side        reads both sides
truth, rows                      what each says of a record
audit                            all checks, in order
compare, copies, one_id          records against rows, and the copies of each id
coverage, accepted_twice         offsets, and ids that were counted twice
ledger, ledger_check             what the simulator meant
sorted_runs                      sorts it all on disk
scope, verdicts                  what was proven before, and what is checked this time
report, checks, progress         what people see
"""
