"""The sandbox: every service the pipeline needs, running for real on this machine.

    python -m sandbox up       starts Kafka, Flink, BigQuery's stand-in and Beam's services
    python -m sandbox status   shows them
    python -m sandbox down     stops them

From Python: `from sandbox.sandbox import Sandbox`. This file imports nothing, because
sandbox.bigquery runs in a virtual environment without the packages that the rest needs.
"""
