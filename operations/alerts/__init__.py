"""`payments alerts`: what wakes somebody, once in Python, written for those who evaluate it.

    rule            an alert, a recording rule, and the shape that both are written in
    limits          limits that alerts alone know; those of `payments health` are its own
    of_the_books    alerts of what is counted
    of_the_job      alerts of what counts
    catalogue       all of them
    routes          who is told, and what is not told beside what
    rule_files      writes them for Prometheus, Kubernetes and Alertmanager
    command, flags  the program

docs/decisions/0034.
"""
