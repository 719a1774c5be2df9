import java.io.FileReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.config.provider.FileConfigProvider;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** Tells what Kafka's own client makes of settings. */
public final class KafkaSettings {
  public static void main(String[] arguments) throws Exception {
    switch (arguments[0]) {
      case "names" -> new TreeSet<>(ConsumerConfig.configNames()).forEach(System.out::println);
      case "read" -> {
        for (Path file : sorted(arguments[1])) {
          System.out.println(read(file));
        }
      }
      case "connect" -> {
        for (Path file : sorted(arguments[1])) {
          System.out.println(connected(file));
        }
      }
      default -> throw new IllegalArgumentException(arguments[0]);
    }
  }

  private static List<Path> sorted(String folder) throws Exception {
    try (var files = Files.list(Path.of(folder))) {
      return files.sorted().toList();
    }
  }

  /** Returns name:value, … in base64, as the provider that follows our references reads them. */
  private static String read(Path file) {
    try (FileConfigProvider provider = new FileConfigProvider()) {
      provider.configure(Map.of());
      Map<String, String> found = new TreeMap<>(provider.get(file.toString()).data());
      List<String> pairs = new ArrayList<>();
      found.forEach((name, value) -> pairs.add(encoded(name) + ":" + encoded(value)));
      return String.join(",", pairs);
    } catch (RuntimeException error) {
      return "error";
    }
  }

  private static String encoded(String text) {
    return Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_16BE));
  }

  /** Returns what stands in the way of a client with these settings, "ok" if nothing does. */
  private static String connected(Path file) throws Exception {
    Properties settings = new Properties();
    try (FileReader reader = new FileReader(file.toFile(), StandardCharsets.UTF_8)) {
      settings.load(reader);
    }
    settings.put("bootstrap.servers", "127.0.0.1:1");
    settings.put("key.deserializer", ByteArrayDeserializer.class.getName());
    settings.put("value.deserializer", ByteArrayDeserializer.class.getName());
    try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings)) {
      return "ok";
    } catch (RuntimeException error) {
      Throwable cause = error.getCause() == null ? error : error.getCause();
      return String.valueOf(cause.getMessage()).replace('\n', ' ');
    }
  }
}
