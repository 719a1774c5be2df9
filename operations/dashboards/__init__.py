"""`payments dashboards`: the panels, and the dashboard that Grafana reads.

panel, books, work    what a panel is; those of what is counted, and those of what counts
catalogue             all of them, and the metrics of Flink's that they ask for
grafana, files        the JSON of the dashboard, and where it is written
"""
