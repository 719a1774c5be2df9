import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerInterceptor;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Has the interceptor NAME pack the records of FILE, one a line; further arguments are settings of it.
 * Prints the frames likewise.
 */
class PackFrames {
  public static void main(String[] arguments) throws Exception {
    ConsumerInterceptor<byte[], byte[]> interceptor = asKafkaMakesIt(arguments);
    Map<TopicPartition, List<ConsumerRecord<byte[], byte[]>>> polled = new LinkedHashMap<>();
    for (String line : Files.readAllLines(Path.of(arguments[1]))) {
      ConsumerRecord<byte[], byte[]> record = record(line.split(" "));
      TopicPartition partition = new TopicPartition(record.topic(), record.partition());
      polled.computeIfAbsent(partition, each -> new ArrayList<>()).add(record);
    }
    interceptor.onConsume(new ConsumerRecords<>(polled)).forEach(PackFrames::print);
  }

  @SuppressWarnings("unchecked")
  private static ConsumerInterceptor<byte[], byte[]> asKafkaMakesIt(String[] arguments) {
    Map<String, Object> settings = new HashMap<>();
    for (String each : List.of(arguments).subList(2, arguments.length)) {
      settings.put(each.split("=", 2)[0], each.split("=", 2)[1]);
    }
    settings.putAll(
        Map.of(
            ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, "127.0.0.1:1",
            ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class,
            ConsumerConfig.VALUE_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class,
            ConsumerConfig.INTERCEPTOR_CLASSES_CONFIG, arguments[0]));
    return new ConsumerConfig(settings)
        .getConfiguredInstances(
            ConsumerConfig.INTERCEPTOR_CLASSES_CONFIG, ConsumerInterceptor.class)
        .get(0);
  }

  /** Topic, partition, offset, time (with c: the producer's), epoch, key, value, name=value …. */
  private static ConsumerRecord<byte[], byte[]> record(String[] words) {
    RecordHeaders headers = new RecordHeaders();
    for (int i = 7; i < words.length; i++) {
      String[] header = words[i].split("=", 2);
      headers.add(header[0], bytes(header[1]));
    }
    return new ConsumerRecord<>(
        words[0],
        Integer.parseInt(words[1]),
        Long.parseLong(words[2]),
        Long.parseLong(words[3].replace("c", "")),
        words[3].endsWith("c") ? TimestampType.CREATE_TIME : TimestampType.LOG_APPEND_TIME,
        0,
        0,
        bytes(words[5]),
        bytes(words[6]),
        headers,
        Optional.of(Integer.valueOf(words[4])));
  }

  private static byte[] bytes(String word) {
    byte[] base64 = word.substring(1).getBytes(StandardCharsets.US_ASCII);
    return word.equals("null") ? null : Base64.getDecoder().decode(base64);
  }

  private static void print(ConsumerRecord<byte[], byte[]> frame) {
    System.out.printf(
        "%s %d %d %d %d %s %d %d %s%n",
        frame.topic(),
        frame.partition(),
        frame.offset(),
        frame.timestamp(),
        frame.leaderEpoch().orElseThrow(),
        frame.timestampType(),
        frame.key().length,
        frame.headers().toArray().length,
        Base64.getEncoder().encodeToString(frame.value()));
  }
}
