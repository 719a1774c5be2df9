"""`payments dead-letters`: lists, shows, edits and sends again what was rejected.

letters, history, topic          what the tables and Kafka say of a dead letter
candidate, verdict               what would be sent, and whether it may be
folder, fields                   letters in an editor, and fields that are set
send, producer, receipt          sends them, once
chain, text                      what is shown
"""
