import static org.apache.flink.runtime.checkpoint.CheckpointOptions.forCheckpointWithDefaultLocation;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.RunnableFuture;
import org.apache.beam.runners.core.DoFnRunner;
import org.apache.beam.runners.core.construction.SerializablePipelineOptions;
import org.apache.beam.runners.flink.translation.wrappers.streaming.stableinput.BufferingDoFnRunner;
import org.apache.beam.sdk.coders.StringUtf8Coder;
import org.apache.beam.sdk.options.PipelineOptionsFactory;
import org.apache.beam.sdk.state.TimeDomain;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.windowing.BoundedWindow;
import org.apache.beam.sdk.transforms.windowing.GlobalWindow;
import org.apache.beam.sdk.values.WindowedValue;
import org.apache.beam.sdk.values.WindowedValues;
import org.apache.flink.api.common.ExecutionConfig;
import org.apache.flink.core.fs.CloseableRegistry;
import org.apache.flink.runtime.state.DefaultOperatorStateBackendBuilder;
import org.apache.flink.runtime.state.OperatorStateBackend;
import org.apache.flink.runtime.state.OperatorStateHandle;
import org.apache.flink.runtime.state.SnapshotResult;
import org.apache.flink.runtime.state.memory.MemCheckpointStreamFactory;
import org.joda.time.Instant;

/**
 * Has Beam's buffering runner, on Flink's own operator state, take the words of a script. Prints a
 * line for each checkpoint that completes: its number, and what was flushed at it.
 *
 * <p>A row is any word; "barrier:N" is the snapshot of checkpoint N, "complete:N" the news that it
 * is complete, "restore" a new process that begins with the newest snapshot.
 */
class FlushAfterBarrier {
  private static final int BYTES_MAX = 1 << 20;

  private final List<String> flushed = new ArrayList<>();
  private OperatorStateBackend state;
  private BufferingDoFnRunner<String, Void> runner;

  public static void main(String[] script) throws Exception {
    FlushAfterBarrier operator = new FlushAfterBarrier();
    operator.start(List.of());
    OperatorStateHandle snapshot = null;
    for (String word : script) {
      long checkpoint = word.contains(":") ? Long.parseLong(word.split(":")[1]) : 0;
      if (word.startsWith("barrier:")) {
        snapshot = operator.snapshot(checkpoint);
      } else if (word.startsWith("complete:")) {
        operator.runner.checkpointCompleted(checkpoint);
        System.out.println(checkpoint + " " + String.join(" ", operator.flushed));
        operator.flushed.clear();
      } else if (word.equals("restore")) {
        operator.start(List.of(snapshot));
      } else {
        operator.runner.processElement(
            WindowedValues.timestampedValueInGlobalWindow(word, new Instant(0)));
      }
    }
  }

  private void start(List<OperatorStateHandle> restored) throws Exception {
    state =
        new DefaultOperatorStateBackendBuilder(
                getClass().getClassLoader(),
                new ExecutionConfig(),
                false,
                restored,
                new CloseableRegistry())
            .build();
    runner =
        BufferingDoFnRunner.create(
            new Flush(),
            "buffered",
            WindowedValues.getFullCoder(StringUtf8Coder.of(), GlobalWindow.Coder.INSTANCE),
            GlobalWindow.Coder.INSTANCE,
            state,
            null,
            1,
            new SerializablePipelineOptions(PipelineOptionsFactory.create()));
  }

  /** As Beam's operator does: the runner is told before its state is taken. */
  private OperatorStateHandle snapshot(long checkpoint) throws Exception {
    runner.checkpoint(checkpoint);
    RunnableFuture<SnapshotResult<OperatorStateHandle>> taken =
        state.snapshot(
            checkpoint,
            0,
            new MemCheckpointStreamFactory(BYTES_MAX),
            forCheckpointWithDefaultLocation());
    taken.run();
    return taken.get().getJobManagerOwnedSnapshot();
  }

  /** The step that needs stable input. */
  private final class Flush implements DoFnRunner<String, Void> {
    @Override
    public void startBundle() {}

    @Override
    public void processElement(WindowedValue<String> row) {
      flushed.add(row.getValue());
    }

    @Override
    public <K> void onTimer(
        String timer,
        String family,
        K key,
        BoundedWindow window,
        Instant timestamp,
        Instant output,
        TimeDomain domain) {}

    @Override
    public void finishBundle() {}

    @Override
    public <K> void onWindowExpiration(BoundedWindow window, Instant timestamp, K key) {}

    @Override
    public DoFn<String, Void> getFn() {
      return null;
    }
  }
}
