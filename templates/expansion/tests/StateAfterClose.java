import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.beam.model.pipeline.v1.RunnerApi;
import org.apache.beam.runners.flink.FlinkPipelineOptions;
import org.apache.beam.runners.flink.FlinkPipelineRunner;
import org.apache.beam.runners.flink.FlinkRunner;
import org.apache.beam.runners.fnexecution.provisioning.JobInfo;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.coders.KvCoder;
import org.apache.beam.sdk.coders.StringUtf8Coder;
import org.apache.beam.sdk.coders.VoidCoder;
import org.apache.beam.sdk.options.ExperimentalOptions;
import org.apache.beam.sdk.options.PipelineOptionsFactory;
import org.apache.beam.sdk.options.PortablePipelineOptions;
import org.apache.beam.sdk.state.BagState;
import org.apache.beam.sdk.state.StateSpec;
import org.apache.beam.sdk.state.StateSpecs;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.Flatten;
import org.apache.beam.sdk.transforms.Impulse;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.transforms.windowing.GlobalWindow;
import org.apache.beam.sdk.util.construction.Environments;
import org.apache.beam.sdk.util.construction.PipelineOptionsTranslation;
import org.apache.beam.sdk.util.construction.PipelineTranslation;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.PCollection;
import org.apache.beam.sdk.values.PCollectionList;
import org.joda.time.Instant;

/**
 * Has a worker ask for its state when the task that it works for has ended, on Flink with RocksDB.
 *
 * <p>A job of two steps: one fails as soon as the other is in the middle of its bundle. When the job
 * is over, the bundle goes on and reads its state. Prints "refused" when Beam's answer says that the
 * state is closed, or "answered" when no such answer comes. The argument is a folder to write to.
 */
class StateAfterClose {
  private static final String REFUSAL = "state is closed";
  private static final int BUNDLE = 2;
  private static final int LIMIT_SEC = 60;
  private static final int ANSWER_SEC = 10;
  // The worker outlives the task, as it does for as long as it has another task of the job.
  private static final int KEPT_MS = 60_000;

  private static final CountDownLatch bundleBegun = new CountDownLatch(1);
  private static final CountDownLatch jobOver = new CountDownLatch(1);
  private static final CountDownLatch refused = new CountDownLatch(1);

  public static void main(String[] arguments) throws Exception {
    PrintStream errors = System.err;
    System.setErr(new PrintStream(new Watched(errors), true));
    try {
      run(arguments[0]);
      throw new AssertionError("the job has not failed");
    } catch (Exception failed) {
      errors.println("job over: " + failed);
    }
    jobOver.countDown();
    boolean told = refused.await(ANSWER_SEC, TimeUnit.SECONDS);
    System.out.println(told ? "refused" : "answered");
    System.out.flush();
    Runtime.getRuntime().halt(0); // worker and gRPC servers have threads that stay
  }

  private static void run(String folder) throws Exception {
    FlinkPipelineOptions options = PipelineOptionsFactory.as(FlinkPipelineOptions.class);
    options.setRunner(FlinkRunner.class);
    options.setStreaming(true);
    options.setFlinkMaster("[local]");
    options.setParallelism(1);
    options.setNumberOfExecutionRetries(0);
    options.setStateBackend("rocksdb");
    options.setStateBackendStoragePath(Path.of(folder).toUri().toString());
    // Nothing but its size and the end of the job ends a bundle: one of a single record stays open.
    options.setShutdownSourcesAfterIdleMs(Long.MAX_VALUE);
    options.setMaxBundleTimeMills((long) LIMIT_SEC * 1_000);
    options.setMaxBundleSize((long) BUNDLE);
    options
        .as(ExperimentalOptions.class)
        .setExperiments(List.of("data_buffer_size_limit=1", "data_buffer_time_limit_ms=10"));
    PortablePipelineOptions portable = options.as(PortablePipelineOptions.class);
    portable.setDefaultEnvironmentType(Environments.ENVIRONMENT_EMBEDDED);
    portable.setEnvironmentCacheMillis(KEPT_MS);
    Pipeline pipeline = Pipeline.create(options);
    two(pipeline, "Keys")
        .apply("ToKey", ParDo.of(new ToKey()))
        .setCoder(KvCoder.of(StringUtf8Coder.of(), StringUtf8Coder.of()))
        .apply("Remember", ParDo.of(new Remember()))
        .setCoder(VoidCoder.of());
    two(pipeline, "Failures").apply("Fail", ParDo.of(new Fail())).setCoder(VoidCoder.of());
    RunnerApi.Pipeline proto = PipelineTranslation.toProto(pipeline);
    JobInfo job =
        JobInfo.create("job", "job", "", PipelineOptionsTranslation.toProto(options));
    new FlinkPipelineRunner(options, null, List.of()).run(proto, job);
  }

  /** A whole bundle. */
  private static PCollection<byte[]> two(Pipeline pipeline, String name) {
    PCollection<byte[]> first = pipeline.apply("First" + name, Impulse.create());
    PCollection<byte[]> second = pipeline.apply("Second" + name, Impulse.create());
    return PCollectionList.of(first).and(second).apply(name, Flatten.pCollections());
  }

  private static void await(CountDownLatch latch) throws InterruptedException {
    if (!latch.await(LIMIT_SEC, TimeUnit.SECONDS)) {
      throw new AssertionError("waited for too long");
    }
  }

  /** One record for each bundle. */
  private static final class ToKey extends DoFn<byte[], KV<String, String>> {
    @ProcessElement
    public void process() {}

    @FinishBundle
    public void finish(FinishBundleContext context) {
      context.output(KV.of("key", "value"), new Instant(0), GlobalWindow.INSTANCE);
    }
  }

  private static final class Fail extends DoFn<byte[], Void> {
    @ProcessElement
    public void process() throws InterruptedException {
      await(bundleBegun);
      throw new IllegalStateException("on purpose");
    }
  }

  private static final class Remember extends DoFn<KV<String, String>, Void> {
    @StateId("bag")
    private final StateSpec<BagState<String>> bag = StateSpecs.bag(StringUtf8Coder.of());

    @ProcessElement
    public void process(@StateId("bag") BagState<String> bag) throws InterruptedException {
      bundleBegun.countDown();
      await(jobOver);
      bag.read().iterator().hasNext();
    }
  }

  /** What Beam writes to its log, looked through for the refusal. */
  private static final class Watched extends OutputStream {
    private final PrintStream target;
    private final StringBuilder line = new StringBuilder();

    Watched(PrintStream target) {
      this.target = target;
    }

    @Override
    public synchronized void write(int octet) {
      target.write(octet);
      if (octet != '\n') {
        line.append((char) octet);
        return;
      }
      if (line.indexOf(REFUSAL) >= 0) {
        refused.countDown();
      }
      line.setLength(0);
    }
  }
}
