"""The crash suite: load, faults, and the books compared after each.

catalogue, launches          the faults
fault_context                what they act on
suite                        load around each, and the proof
schedule, pace               their order and their durations
standstill, table            thread dumps of a job that stands still, and the report
"""
