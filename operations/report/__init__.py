"""`payments report`: one page about a day, for those who did not run it.

offsets                what Kafka and the tables hold of a partition, as runs of offsets
queries, tables_side   what is asked of BigQuery, what it costs, and what it says
topic_side             which records arrived in the range
day, conservation      all that was found, and whether each record was counted once
charts, page           the page, one file that needs no other
document               the same for programs
"""
