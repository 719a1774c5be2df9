import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.beam.sdk.io.UnboundedSource;
import org.apache.beam.sdk.io.UnboundedSource.UnboundedReader;
import org.apache.beam.sdk.io.kafka.KafkaCheckpointMark;
import org.apache.beam.sdk.io.kafka.KafkaCheckpointMark.PartitionMark;
import org.apache.beam.sdk.io.kafka.KafkaIO;
import org.apache.beam.sdk.io.kafka.KafkaRecord;
import org.apache.beam.sdk.options.PipelineOptions;
import org.apache.beam.sdk.options.PipelineOptionsFactory;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Reads the PARTITIONS first partitions of TOPIC with KafkaIO's unbounded source, a reader each, as
 * Flink does, until COUNT of their watermarks have passed MILLIS: for 4 s to a minute. Prints for each
 * partition: number, elements read, watermark in milliseconds, the offset at which a checkpoint goes
 * on. With a group.id, that checkpoint is completed.
 */
class WatchSource {
  public static void main(String[] arguments) throws Exception {
    // Or threads of clients would keep a program that has failed.
    Thread.setDefaultUncaughtExceptionHandler(
        (thread, error) -> {
          error.printStackTrace();
          Runtime.getRuntime().halt(1);
        });
    String topic = arguments[0];
    int partitions = Integer.parseInt(arguments[1]);
    long untilMillis = Long.parseLong(arguments[2]);
    long count = Long.parseLong(arguments[3]);
    Map<String, Object> settings = new HashMap<>();
    for (String each : List.of(arguments).subList(4, arguments.length)) {
      settings.put(each.split("=", 2)[0], each.split("=", 2)[1]);
    }
    List<TopicPartition> all = new ArrayList<>();
    for (int number = 0; number < partitions; number++) {
      all.add(new TopicPartition(topic, number));
    }
    PipelineOptions options = PipelineOptionsFactory.create();
    List<? extends UnboundedSource<KafkaRecord<byte[], byte[]>, KafkaCheckpointMark>> sources =
        source(all, settings).split(partitions, options);
    List<UnboundedReader<KafkaRecord<byte[], byte[]>>> readers = new ArrayList<>();
    for (UnboundedSource<KafkaRecord<byte[], byte[]>, KafkaCheckpointMark> each : sources) {
      readers.add(each.createReader(options, null));
    }
    int[] read = new int[partitions];
    for (int number = 0; number < partitions; number++) {
      read[number] = readers.get(number).start() ? 1 : 0;
    }
    long start = System.currentTimeMillis();
    while (System.currentTimeMillis() < start + 4_000
        || (passed(readers, untilMillis) < count && System.currentTimeMillis() < start + 60_000)) {
      for (int number = 0; number < partitions; number++) {
        read[number] += readers.get(number).advance() ? 1 : 0;
      }
    }
    for (int number = 0; number < partitions; number++) {
      UnboundedReader<KafkaRecord<byte[], byte[]>> reader = readers.get(number);
      long watermark = reader.getWatermark().getMillis();
      PartitionMark mark = ((KafkaCheckpointMark) reader.getCheckpointMark()).getPartitions().get(0);
      System.out.printf(
          "%d %d %d %d%n", mark.getPartition(), read[number], watermark, mark.getNextOffset());
      reader.getCheckpointMark().finalizeCheckpoint();
    }
    Thread.sleep(settings.containsKey("group.id") ? 2_000 : 0); // a poll is 1 s; commits follow it
    System.exit(0); // without waiting for clients to close
  }

  private static long passed(
      List<UnboundedReader<KafkaRecord<byte[], byte[]>>> readers, long untilMillis) {
    return readers.stream().filter(each -> each.getWatermark().getMillis() > untilMillis).count();
  }

  @SuppressWarnings("unchecked")
  private static UnboundedSource<KafkaRecord<byte[], byte[]>, KafkaCheckpointMark> source(
      List<TopicPartition> partitions, Map<String, Object> settings) throws Exception {
    KafkaIO.Read<byte[], byte[]> read =
        KafkaIO.<byte[], byte[]>read()
            .withBootstrapServers(settings.get("bootstrap.servers").toString())
            .withTopicPartitions(partitions)
            .withKeyDeserializer(ByteArrayDeserializer.class)
            .withValueDeserializer(ByteArrayDeserializer.class)
            .withConsumerConfigUpdates(settings)
            .withLogAppendTime();
    read = settings.containsKey("group.id") ? read.commitOffsetsInFinalize() : read;
    Method make = KafkaIO.Read.class.getDeclaredMethod("makeSource");
    make.setAccessible(true);
    return (UnboundedSource<KafkaRecord<byte[], byte[]>, KafkaCheckpointMark>) make.invoke(read);
  }
}
