"""The commands that people run beside the job; one folder a command, named as the command.

    tables        makes and compares what BigQuery holds
    runs          who has claimed the tables
    reconcile     proves that each record of a topic is counted once
    report        writes a page about a day, for an auditor
    dead_letters  looks at rejected records, and sends them again
    contract      makes and checks the contract of your own payments
    health        says whether a job is well
    exporter      serves the same figures to Prometheus
    alerts        what wakes somebody: rules and routes
    dashboards    lists the panels, and writes the file for Grafana
    job           the jobs on Flink, and how one is ended
    rollout       changes a version beside the running one
    trace         what became of one payment, or of one record
    topic         the topics: lists, makes and watches them

`payments COMMAND --help` teaches each. No command here imports a step, or Beam.
"""

from payments import quiet

quiet.start()
