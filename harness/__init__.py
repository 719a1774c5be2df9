"""Runs the whole system on a sandbox: simulator, pipeline, faults, reconciliation.

    demo             the main job, with a crash halfway
    live             the same for as long as wanted, with a page (console/)
    faults           the crash suite
    upgrade          the upgrade run
    e2e_run          one run: a topic, a dataset and a ledger of its own
    pages            puts into docs/ what the code says
    programs, flink  how the programs and the cluster are spoken to
    waits, progress  until when, and how far

at_least_once and without_stable_input are controls: pipelines that must count twice.
"""

import pipeline as pipeline  # for its quiet imports of Google's libraries
