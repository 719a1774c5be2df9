"""Payments in the form that a contract reads: what a producer of that format sends.

This is written from the words of the contract alone. It never asks the decoder what a record
means: the ledger would else repeat the decoder's mistakes.

find, samples, registry   a contract by name or file, its sample, the schemas that are registered
places, forms             where values lie in a record, and bytes to trees and back
texts, amounts, times     values as the contract has them written
meaning                   what of a payment the contract can say at all
encoder                   a payment to a record
not_payments, spoil       records that the contract skips, and records that it must refuse
speech                    all of that, as the plan of a run asks for it
"""
