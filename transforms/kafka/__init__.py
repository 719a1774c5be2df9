"""Kafka as all programs read it: settings, connections, one reader. No Beam.

properties, settings             one file of settings, checked by name and value
connection, causes, last_words   how kafka-python connects, and why it did not
reader, message, batches         the one reader
topic_watch                      a topic that is no longer the one of the launch
"""
