"""The job: Kafka → deduplication → BigQuery, exactly once, on any of three runners.

graph       the whole data path on one screen
main        from the command line to the job's end
options     the flags
configure   makes the configuration (config) of them
program     what main launches: the product, or a changed one
runners     the only file that knows Direct, Flink and Dataflow
launch      what happens before and around a submission
"""

from payments import quiet

quiet.start()
