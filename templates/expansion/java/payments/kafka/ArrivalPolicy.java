package payments.kafka;

import java.util.Map;
import org.apache.beam.sdk.io.kafka.TimestampPolicyFactory;

/** Chooses the watermark of a read by the settings of its consumer; our patches of KafkaIO call it. */
public final class ArrivalPolicy {
  private ArrivalPolicy() {}

  /** The policy that the read was given, unless producers' times within bounds count. */
  public static <K, V> TimestampPolicyFactory<K, V> of(
      Map<String, ?> settings, TimestampPolicyFactory<K, V> given) {
    if (!BoundedCreateTime.isAskedFor(settings)) {
      return given;
    }
    String slack = settings.get(BoundedCreateTime.SETTING).toString();
    return new BoundedCreateTime.Factory<>(Long.parseLong(slack));
  }
}
