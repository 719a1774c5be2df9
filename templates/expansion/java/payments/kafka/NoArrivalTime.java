package payments.kafka;

import org.apache.flink.runtime.throwable.ThrowableAnnotation;
import org.apache.flink.runtime.throwable.ThrowableType;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.record.TimestampType;

/**
 * A record carries its producer's time: transforms/payment/arrival.py says why that is refused.
 *
 * <p>Flink ends a job for good when it meets this. To restart would read the same record again, for
 * ever. It is an Error because whoever polls Kafka catches every Exception on the way.
 */
@ThrowableAnnotation(ThrowableType.NonRecoverableError)
public final class NoArrivalTime extends Error {
  private static final long serialVersionUID = 1;

  NoArrivalTime(ConsumerRecord<?, ?> record) {
    super(
        String.format(
            "%s[%d] offset %d carries its producer's time (%s), so nobody can tell when it arrived,"
                + " and it is not counted. Nothing is lost: Kafka keeps it. Hint: set"
                + " message.timestamp.type=LogAppendTime on %1$s if it is no longer set. Records"
                + " that are there keep their time: remove them with kafka-delete-records.sh if"
                + " they need not be counted, or copy the topic into one that has LogAppendTime"
                + " from its beginning (docs/launch.md, Topics).",
            record.topic(), record.partition(), record.offset(), record.timestampType()));
  }

  /**
   * Stands in the place of such a record, and fails the thread that reads the topic. What is thrown
   * where the consumer polls would end that thread alone, and the job would wait in silence.
   */
  static final class Failing extends ConsumerRecord<byte[], byte[]> {
    private final NoArrivalTime refusal;

    Failing(ConsumerRecord<byte[], byte[]> record) {
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
      refusal = new NoArrivalTime(record);
    }

    @Override
    public TimestampType timestampType() {
      throw refusal;
    }
  }
}
