"""`payments contract`: from a sample of somebody's records to a checked contract, without Kafka.

command       the flags, and what is printed
new_file      init: a tested example to begin with
samples       files of samples to records
topic_sample  the newest records of a topic, as a sample
check         what becomes of each record, counted
unmapped      fields that the contract does not take
plausibility  what decodes well, and is probably wrong
report        the answer as text and as JSON
"""
