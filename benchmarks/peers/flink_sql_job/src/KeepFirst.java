import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.flink.types.Row;

/**
 * Flink SQL's own deduplication, keep-first, from Kafka to its end, in one process with two slots.
 *
 * <p>Arguments: bootstrap servers, topic, horizon in seconds, folder for counts, folder for checkpoints.
 */
public final class KeepFirst {
  private static final String SOURCE =
      "CREATE TABLE payments (transaction_id STRING, account_id STRING, merchant_id STRING,"
          + " payment_type STRING, amount_minor BIGINT, currency STRING, event_time STRING,"
          + " country STRING, device_id STRING, seen AS PROCTIME()) WITH ('connector' = 'kafka',"
          + " 'topic' = '%s', 'properties.bootstrap.servers' = '%s', 'format' = 'json',"
          + " 'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset')";
  private static final String KEEP_FIRST =
      "SELECT transaction_id, account_id, merchant_id, payment_type, amount_minor, currency,"
          + " event_time, country, device_id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY"
          + " transaction_id ORDER BY seen ASC) AS place FROM payments) WHERE place = 1";

  public static void main(String[] arguments) throws Exception {
    Configuration settings = new Configuration();
    settings.setString("state.backend.type", "rocksdb");
    settings.setString("execution.checkpointing.incremental", "true");
    settings.setString("execution.checkpointing.interval", "10 s");
    settings.setString("execution.checkpointing.dir", Path.of(arguments[4]).toUri().toString());
    settings.setString("state.checkpoints.dir", Path.of(arguments[4]).toUri().toString());
    settings.setString("taskmanager.memory.managed.size", "1g");
    settings.setString("table.exec.state.ttl", arguments[2] + " s");
    settings.setString("pipeline.object-reuse", "true");
    settings.setString("restart-strategy.type", "none"); // a failure is told, not tried again
    StreamExecutionEnvironment environment =
        StreamExecutionEnvironment.createLocalEnvironment(2, settings);
    StreamTableEnvironment tables = StreamTableEnvironment.create(environment);
    tables.executeSql(String.format(SOURCE, arguments[1], arguments[0]));
    String folder = arguments[3];
    tables
        .toDataStream(tables.sqlQuery(KEEP_FIRST))
        .map(new Count(folder))
        .sinkTo(new DiscardingSink<>());
    environment.execute("keep first");
  }

  /** Writes down when how many rows have passed, in the form that benchmarks/meter.py reads. */
  private static final class Count extends RichMapFunction<Row, Row> {
    private static final int EVERY = 5_000;
    private final String folder;
    private transient PrintWriter file;
    private transient int passed;

    Count(String folder) {
      this.folder = folder;
    }

    @Override
    public void open(OpenContext context) throws Exception {
      int task = getRuntimeContext().getTaskInfo().getIndexOfThisSubtask();
      Path path = Path.of(folder, "kept." + task + ".0.csv");
      file = new PrintWriter(Files.newBufferedWriter(path), true);
    }

    @Override
    public Row map(Row row) {
      if (++passed == EVERY) {
        write();
      }
      return row;
    }

    @Override
    public void close() {
      if (file != null) {
        write();
        file.close();
      }
    }

    private void write() {
      if (passed > 0) {
        file.printf("%.3f,%d%n", System.currentTimeMillis() / 1000.0, passed);
        passed = 0;
      }
    }
  }
}
