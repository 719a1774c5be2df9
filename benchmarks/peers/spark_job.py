"""Spark Structured Streaming, dropDuplicatesWithinWatermark on RocksDB. Run by spark-submit.

Its own Python: nothing of the project is at hand. Prints one JSON object: when how many ids were
kept, batch by batch.
"""

import argparse
import json

from pyspark.sql import SparkSession
from pyspark.sql.functions import col, count, from_json, lit

_PAYMENT = (
    "transaction_id STRING, account_id STRING, merchant_id STRING, payment_type STRING, "
    "amount_minor BIGINT, currency STRING, event_time TIMESTAMP, country STRING, device_id STRING"
)


def main() -> None:
    """Reads the topic to its end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bootstrap_servers", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--horizon_sec", type=int, required=True)
    parser.add_argument("--batch", type=int, required=True, help="records per micro-batch")
    parser.add_argument("--output", required=True)
    arguments = parser.parse_args()
    session = SparkSession.builder.appName("peer").getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    payments = (
        session.readStream.format("kafka")
        .option("kafka.bootstrap.servers", arguments.bootstrap_servers)
        .option("subscribe", arguments.topic)
        .option("startingOffsets", "earliest")
        .option("maxOffsetsPerTrigger", arguments.batch)
        .load()
        .select(from_json(col("value").cast("string"), _PAYMENT).alias("payment"))
        .select("payment.*")
    )
    kept = (
        payments.withWatermark("event_time", f"{arguments.horizon_sec} seconds")
        .dropDuplicatesWithinWatermark(["transaction_id"])
        .observe("kept", count(lit(1)).alias("rows"))
    )
    query = (
        kept.writeStream.format("noop")
        .option("checkpointLocation", arguments.checkpoint)
        .trigger(availableNow=True)
        .start()
    )
    query.awaitTermination()
    batches = [
        {
            "read": progress["numInputRows"],
            "sec": progress["durationMs"]["triggerExecution"] / 1_000,
            "kept": progress["observedMetrics"]["kept"]["rows"],
        }
        for progress in (json.loads(each.json) for each in query.recentProgress)
        if progress["numInputRows"]
    ]
    with open(arguments.output, "w", encoding="utf-8") as file:
        json.dump(batches, file)
    session.stop()


if __name__ == "__main__":
    main()
