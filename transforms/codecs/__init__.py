"""Bytes to payments, one by one and by the batch. No Beam.

wire_format      the form of one payment
batch_decode     the same for many at once
record_frame     the frames in which Java hands over records on Flink
"""
