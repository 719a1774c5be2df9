"""Payments with a known truth: what is sent, in which order, and how each record must end.

cli, traffic, scenario       flags, checked values, and traffic that has a name
generate, duplicate_shapes   payments as people and shops make them, and ways to send them again
faults, invalid, mix         what goes wrong, which payloads cannot be counted, how often
plan, schedule, routing      in which order, when, and to which partition
run, produce, transactions   sends it all
ledger, report               the truth, and the progress
contracts/, contract_flags   the same in the form that a contract reads, and the flags for it
by_hand, destination         one payment, as a person wants it; where all of them are sent to
"""
