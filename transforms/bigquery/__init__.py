"""The sink: rows leave the worker as Arrow batches, and are visible after their checkpoint.

    WriteBigQuery       the one step, for all tables
    arrow_rows          what a step decided, as the columns of its table
    pack_rows           gathers the rows of a bundle
    append_rows         appends at the offset that state says
    table_stream        what BigQuery may answer to an append, and what follows from it
    refused_rows        what becomes of a row that BigQuery refuses
    append_connection   one AppendRows call
    write_client        the other calls, repeated as long as that can help
    flush_rows          makes rows visible

WriteBigQuery, pack_rows, append_rows and flush_rows are Beam's steps; the others import no Beam.
"""
