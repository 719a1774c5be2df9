"""`payments exporter`: the job's figures for Prometheus, exact, from Kafka, Flink and the tables.

    metric_names    every metric with its meaning, once
    readings        what a source said, as samples
    looks           asks the sources, by the code of `payments health`
    loop            asks one source, again and again, in a thread of its own
    board           the newest samples of all, as Prometheus reads them
    server          serves them
    query_cost      estimates what the looks at the tables read of BigQuery
    command, flags  the program

No scrape asks a source: docs/decisions/0028.
"""
