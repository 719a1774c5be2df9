package payments.kafka;

import org.apache.flink.runtime.throwable.ThrowableAnnotation;
import org.apache.flink.runtime.throwable.ThrowableType;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.record.TimestampType;

/**
 * A record does not say when it arrived: transforms/payment/arrival.py says why that is refused.
 *
 * <p>Flink ends a job for good when it meets this. To restart would read the same record again, for
 * ever. It is an Error because whoever polls Kafka catches every Exception on the way.
 */
@ThrowableAnnotation(ThrowableType.NonRecoverableError)
public final class NoArrivalTime extends Error {
  private static final long serialVersionUID = 1;

  /** The words of transforms/payment/arrival.py. */
  NoArrivalTime(String topic, int partition, long offset, String why, String hint) {
    super(
        String.format(
            "%s[%d] offset %d %s, and it is not counted. Nothing is lost: Kafka keeps it. Hint: %s",
            topic, partition, offset, why, hint));
  }

  static NoArrivalTime of(ConsumerRecord<?, ?> record, boolean bounded) {
    TimestampType type = record.timestampType();
    String why;
    if (!bounded) {
      why = "carries its producer's time (%s), so nobody can tell when it arrived";
    } else if (type == TimestampType.LOG_APPEND_TIME) {
      why = "carries the broker's time (%s), and this job goes by producers' times";
    } else {
      why = "carries no time (%s, %d), so nobody can tell when it arrived";
    }
    return new NoArrivalTime(
        record.topic(),
        record.partition(),
        record.offset(),
        String.format(why, type, record.timestamp()),
        bounded ? ofOtherType(record.topic()) : ofProducers(record.topic()));
  }

  private static String ofProducers(String topic) {
    return String.format(
        "set message.timestamp.type=LogAppendTime on %s if it is no longer set. Records that are"
            + " there keep their time: remove them with kafka-delete-records.sh if they need not"
            + " be counted, or copy the topic into one that has LogAppendTime from its beginning"
            + " (docs/launch.md, Topics).",
        topic);
  }

  private static String ofOtherType(String topic) {
    return String.format(
        "if %s has LogAppendTime, the contract must say arrival: log_append_time. If it was"
            + " altered, remove the other records with kafka-delete-records.sh if they need not be"
            + " counted, or copy the topic into one that has LogAppendTime from its beginning"
            + " (docs/launch.md, Topics).",
        topic);
  }

  /**
   * Stands in the place of such a record, and fails the thread that reads the topic. What is thrown
   * where the consumer polls would end that thread alone, and the job would wait in silence.
   */
  static final class Failing extends ConsumerRecord<byte[], byte[]> {
    private final NoArrivalTime refusal;

    Failing(ConsumerRecord<byte[], byte[]> record, boolean bounded) {
      super(
          record.topic(),
          record.partition(),
          record.offset(),
          record.timestamp(),
          record.timestampType(),
          record.serializedKeySize(),
          record.serializedValueSize(),
          record.key(),
          record.value(),
          record.headers(),
          record.leaderEpoch());
      refusal = NoArrivalTime.of(record, bounded);
    }

    @Override
    public TimestampType timestampType() {
      throw refusal;
    }
  }
}
