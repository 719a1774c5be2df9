import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.beam.sdk.io.kafka.KafkaIO.ReadSourceDescriptors;
import org.apache.beam.sdk.io.kafka.KafkaRecord;
import org.apache.beam.sdk.io.kafka.KafkaSourceDescriptor;
import org.apache.beam.sdk.io.kafka.TimestampPolicyFactory;
import org.apache.beam.sdk.io.range.OffsetRange;
import org.apache.beam.sdk.transforms.DoFn.MultiOutputReceiver;
import org.apache.beam.sdk.transforms.DoFn.OutputReceiver;
import org.apache.beam.sdk.transforms.splittabledofn.RestrictionTracker;
import org.apache.beam.sdk.transforms.splittabledofn.SplitResult;
import org.apache.beam.sdk.transforms.splittabledofn.WatermarkEstimators;
import org.apache.beam.sdk.transforms.windowing.BoundedWindow;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.OutputBuilder;
import org.apache.beam.sdk.values.Row;
import org.apache.beam.sdk.values.TupleTag;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * As WatchSource, with the splittable read that Dataflow runs: each partition is processed again and
 * again, from where the time before ended.
 */
class WatchSplittable {
  private static long untilMillis;
  private static CountDownLatch left; // partitions whose watermarks have not passed

  public static void main(String[] arguments) throws Exception {
    // Or threads of clients would keep a program that has failed.
    Thread.setDefaultUncaughtExceptionHandler(
        (thread, error) -> {
          error.printStackTrace();
          Runtime.getRuntime().halt(1);
        });
    untilMillis = Long.parseLong(arguments[2]);
    left = new CountDownLatch(Integer.parseInt(arguments[3]));
    Map<String, Object> settings = new HashMap<>();
    for (String each : List.of(arguments).subList(4, arguments.length)) {
      settings.put(each.split("=", 2)[0], each.split("=", 2)[1]);
    }
    TupleTag<KV<KafkaSourceDescriptor, KafkaRecord<byte[], byte[]>>> tag = new TupleTag<>() {};
    List<Callable<String>> partitions = new ArrayList<>();
    for (int number = 0; number < Integer.parseInt(arguments[1]); number++) {
      TopicPartition partition = new TopicPartition(arguments[0], number);
      partitions.add(() -> watch(doFn(settings, tag), partition));
    }
    for (Future<String> each : Executors.newCachedThreadPool().invokeAll(partitions)) {
      System.out.println(each.get());
    }
    System.exit(0); // without waiting for clients to close
  }

  @SuppressWarnings("unchecked")
  private static String watch(Object doFn, TopicPartition partition) throws Exception {
    call(doFn, "setup");
    KafkaSourceDescriptor descriptor =
        KafkaSourceDescriptor.of(partition, null, null, null, null, null);
    WatermarkEstimators.Manual watermark =
        new WatermarkEstimators.Manual(BoundedWindow.TIMESTAMP_MIN_VALUE);
    boolean passed = false;
    OffsetRange range = new OffsetRange(0, Long.MAX_VALUE);
    Counted counted = new Counted();
    long end = System.currentTimeMillis() + 60_000;
    while (left.getCount() > 0 && System.currentTimeMillis() < end) {
      RestrictionTracker<OffsetRange, Long> tracker =
          (RestrictionTracker<OffsetRange, Long>)
              call(doFn, "restrictionTracker", descriptor, range);
      call(doFn, "processElement", descriptor, tracker, watermark, counted);
      SplitResult<OffsetRange> split = tracker.trySplit(0);
      range = split == null ? range : split.getResidual();
      if (!passed && watermark.currentWatermark().getMillis() > untilMillis) {
        passed = true;
        left.countDown();
      }
    }
    long watermarkMillis = watermark.currentWatermark().getMillis();
    return String.format(
        "%d %d %d %d", partition.partition(), counted.elements, watermarkMillis, range.getFrom());
  }

  private static Object doFn(
      Map<String, Object> settings,
      TupleTag<KV<KafkaSourceDescriptor, KafkaRecord<byte[], byte[]>>> tag)
      throws Exception {
    ReadSourceDescriptors<byte[], byte[]> read =
        ReadSourceDescriptors.<byte[], byte[]>read()
            .withBootstrapServers(settings.get("bootstrap.servers").toString())
            .withKeyDeserializer(ByteArrayDeserializer.class)
            .withValueDeserializer(ByteArrayDeserializer.class)
            .withManualWatermarkEstimator()
            .withConsumerPollingTimeout(1)
            .withConsumerConfigUpdates(settings);
    Class<?> type = Class.forName("org.apache.beam.sdk.io.kafka.ReadFromKafkaDoFn");
    Method create = type.getDeclaredMethod("create", ReadSourceDescriptors.class, TupleTag.class);
    create.setAccessible(true);
    Object doFn = create.invoke(null, read, tag);
    // As KafkaIO.Read hands it on, which cannot be asked for from outside its package.
    Field policy = type.getDeclaredField("timestampPolicyFactory");
    policy.setAccessible(true);
    policy.set(doFn, TimestampPolicyFactory.withLogAppendTime());
    return doFn;
  }

  private static Object call(Object doFn, String name, Object... arguments) throws Exception {
    for (Method each : doFn.getClass().getSuperclass().getDeclaredMethods()) {
      if (each.getName().equals(name) && !each.isBridge()) {
        each.setAccessible(true);
        return each.invoke(doFn, arguments);
      }
    }
    throw new NoSuchMethodException(name);
  }

  /** Takes elements and counts them. */
  private static final class Counted implements MultiOutputReceiver {
    private int elements;

    @Override
    public <T> OutputReceiver<T> get(TupleTag<T> tag) {
      return new OutputReceiver<T>() {
        @Override
        public OutputBuilder<T> builder(T value) {
          throw new UnsupportedOperationException();
        }

        @Override
        public void outputWithTimestamp(T output, org.joda.time.Instant timestamp) {
          elements++;
        }
      };
    }

    @Override
    public <T> OutputReceiver<Row> getRowReceiver(TupleTag<T> tag) {
      throw new UnsupportedOperationException();
    }
  }
}
