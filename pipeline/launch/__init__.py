"""The parts before and around a submission: checks, claim, offsets, a state.

preflight        checks topics, tables, services and rights
claim            takes the tables for this run
start            decides what the job begins with
start_offsets    commits where it begins to read
resume           finds the newest complete checkpoint
recover          begins with what the tables hold, when the state is lost
stable_names     names that the next version keeps
java_parts       an expansion service for the time of the submission
flex_template    the description of the Flex Template
"""
