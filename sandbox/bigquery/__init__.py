"""BigQuery's stand-in: bqemulator 1.4.0 with the patches that this pipeline needs.

Each patch is a file that says what BigQuery does, what the emulator does, and why it matters here:

    flush_rows       FlushRows means "up to and including", and twice is an error
    stream_binding   a message without a stream name belongs to the connection's stream
    wire_values      NUMERIC, DATETIME and TIME as the Java client encodes them; nested records
    flat_rows        rows without nested fields take a tenth of the time
    later_columns    a column that is added by the API is there
    view_queries     a view says what it asks
    secure_grpc      gRPC speaks TLS as well, and has a thread for every open stream
    single_port      REST and gRPC, with TLS and without, share one port
    connections      queries and streams do not share a connection; tables keep no history
    durable_streams  appended rows survive the stand-in's death, as they survive BigQuery's
    append_rows      requests, columns and rows that BigQuery refuses are refused
    append_answers   in the form in which BigQuery does it
    append_log       where those rows are until they are flushed
    faults           off by default: lost acknowledgements, to test that nothing is lost or doubled

It runs in .venv-bigquery: python -m sandbox.bigquery. Files here import bqemulator only inside
functions, so that their decisions can be tested without it.

Known gap: `CREATE TABLE … PARTITION BY` in SQL drops the partitioning. Create tables by the API.
"""
