package payments.kafka;

import java.util.Map;
import java.util.Optional;
import org.apache.beam.sdk.io.kafka.KafkaRecord;
import org.apache.beam.sdk.io.kafka.KafkaTimestampType;
import org.apache.beam.sdk.io.kafka.TimestampPolicy;
import org.apache.beam.sdk.io.kafka.TimestampPolicyFactory;
import org.apache.beam.sdk.transforms.windowing.BoundedWindow;
import org.apache.kafka.common.TopicPartition;
import org.joda.time.Duration;
import org.joda.time.Instant;

/**
 * The watermark of a partition whose records carry their producers' time, within bounds that the
 * broker enforces (docs/decisions/0032): it takes none that is more than `before` behind its clock or
 * `after` ahead of it. The slack is the sum of the two.
 *
 * <p>A record with time t has arrived at t - after or later, so what arrives behind it has a time of
 * t - slack or later: that is the watermark. Of a partition that is read to its end, it follows the
 * clock in the same distance, as that of LogAppendTime does.
 *
 * <p>So no record is behind the watermark. One that is shows that the broker has not kept the bounds:
 * an id whose copy it is may be forgotten by then, so the job ends. Beam's own policy for CreateTime
 * would take it, and does not move on in a partition that never had a record.
 */
final class BoundedCreateTime<K, V> extends TimestampPolicy<K, V> {
  /** Milliseconds; transforms/read_kafka.py sets it where records carry their producers' times. */
  static final String SETTING = "payments.arrival.slack.ms";

  // As for LogAppendTime: what Kafka has taken, and does not yet tell.
  private static final Duration IDLE = Duration.standardSeconds(2);

  private final Duration slack;
  private Instant watermark;

  private BoundedCreateTime(Duration slack, Optional<Instant> previousWatermark) {
    this.slack = slack;
    watermark = previousWatermark.orElse(BoundedWindow.TIMESTAMP_MIN_VALUE);
  }

  @Override
  public Instant getTimestampForRecord(PartitionContext context, KafkaRecord<K, V> record) {
    Instant time = new Instant(record.getTimestamp());
    if (record.getTimestampType() != KafkaTimestampType.CREATE_TIME || record.getTimestamp() < 0) {
      return time; // record by record, Python refuses it (read_kafka.py); frames hold none
    }
    if (time.isBefore(watermark)) {
      throw outOfBounds(record);
    }
    rise(time);
    return time;
  }

  @Override
  public Instant getWatermark(PartitionContext context) {
    if (context.getMessageBacklog() == 0) {
      rise(context.getBacklogCheckTime().minus(IDLE));
    }
    return watermark;
  }

  private void rise(Instant time) {
    Instant held = time.minus(slack);
    if (held.isAfter(watermark)) {
      watermark = held;
    }
  }

  private NoArrivalTime outOfBounds(KafkaRecord<K, V> record) {
    return new NoArrivalTime(
        record.getTopic(),
        record.getPartition(),
        record.getOffset(),
        String.format(
            "has the time %s, or a record packed with it has, which is before %s: none may be older,"
                + " as the records before it and the bounds of %d s say, so the broker has not kept"
                + " them",
            new Instant(record.getTimestamp()), watermark, slack.getStandardSeconds()),
        String.format(
            "were message.timestamp.before.max.ms or after.max.ms of %s changed, or set when it had"
                + " records? Set them, stop the job and start it with --start_from_tables=FOLDER, or"
                + " copy the topic into one that has LogAppendTime (docs/launch.md, Topics).",
            record.getTopic()));
  }

  /** Makes the policy that the settings of a consumer ask for. */
  static final class Factory<K, V> implements TimestampPolicyFactory<K, V> {
    private static final long serialVersionUID = 1;
    private final long slackMillis;

    Factory(long slackMillis) {
      this.slackMillis = slackMillis;
    }

    @Override
    public TimestampPolicy<K, V> createTimestampPolicy(
        TopicPartition partition, Optional<Instant> previousWatermark) {
      return new BoundedCreateTime<>(Duration.millis(slackMillis), previousWatermark);
    }
  }

  /** Says whether a consumer with these settings reads producers' times. */
  static boolean isAskedFor(Map<String, ?> settings) {
    return settings.get(SETTING) != null;
  }
}
