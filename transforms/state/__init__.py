"""The memory of a worker, and how it is kept in state. No Beam.

shard, id_memory                 the ids of a shard
account_state                    the accounts of a shard, judged payment by payment
open_account, account_memory     one account
arrival_queue, stretch           payments that wait for their judgement
packed                           payments by the column, as they cross a shuffle
"""
