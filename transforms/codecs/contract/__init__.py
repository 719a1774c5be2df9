"""A contract file, and the decoder that it describes: payments of any shape come in. No Beam.

yaml_tree      YAML with the line of every value
language       what a contract says, as data
load           a file to a checked contract, all mistakes at once
paths          where a value lies in a record
formats        bytes to values: JSON, Avro, Protobuf
unwrap         a payload inside the payload
texts, amounts, times    one value to what a payment holds
compiled       a contract to the functions that read a record
by_column      the same for many records at once; plain_values, avro_columns: what is fast there
decoder        batches of records to payments, rejected and skipped records
trace          the way of one record, step by step
"""
