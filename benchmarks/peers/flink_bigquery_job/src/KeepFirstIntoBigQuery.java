import com.google.cloud.flink.bigquery.services.BigQueryServices;
import com.google.cloud.flink.bigquery.table.BigQueryDynamicTableFactory;
import java.io.PrintWriter;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.UUID;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.annotation.DataTypeHint;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.functions.FunctionContext;
import org.apache.flink.table.functions.ScalarFunction;
import org.apache.flink.util.function.SerializableSupplier;

/**
 * Flink SQL's own deduplication, keep-first, from Kafka to its end and into the table
 * `transactions`, exactly once by flink-bigquery-connector; in one process with two slots.
 *
 * <p>Arguments: bootstrap servers, topic, horizon in seconds, folder for counts, folder for
 * checkpoints, address of the stand-in, project, dataset.
 */
public final class KeepFirstIntoBigQuery {
  private static final String SOURCE =
      "CREATE TABLE payments (transaction_id STRING, account_id STRING, merchant_id STRING,"
          + " payment_type STRING, amount_minor BIGINT, currency STRING,"
          + " event_time TIMESTAMP_LTZ(6), country STRING, device_id STRING,"
          + " kafka_topic STRING METADATA FROM 'topic' VIRTUAL,"
          + " kafka_partition INT METADATA FROM 'partition' VIRTUAL,"
          + " kafka_offset BIGINT METADATA FROM 'offset' VIRTUAL,"
          + " broker_time TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL,"
          + " seen AS PROCTIME()) WITH ('connector' = 'kafka',"
          + " 'topic' = '%s', 'properties.bootstrap.servers' = '%s', 'format' = 'json',"
          + " 'json.timestamp-format.standard' = 'ISO-8601',"
          + " 'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset')";

  // The connector goes by position: every column of the table, in its order. A TIMESTAMP of
  // BigQuery is one without zone to it, in UTC.
  private static final String SINK =
      "CREATE TABLE transactions (transaction_id STRING, account_id STRING, merchant_id STRING,"
          + " payment_type STRING, amount DECIMAL(38, 9), amount_minor BIGINT, currency STRING,"
          + " event_time TIMESTAMP(6), country STRING, device_id STRING, kafka_topic STRING,"
          + " kafka_partition BIGINT, kafka_offset BIGINT, broker_time TIMESTAMP(6),"
          + " replay_of_topic STRING, replay_of_partition BIGINT, replay_of_offset BIGINT,"
          + " original_time TIMESTAMP(6), ingested_at TIMESTAMP(6), pipeline_version STRING)"
          + " WITH ('connector' = 'bigquery', 'test.enabled' = 'true', 'project' = '%s',"
          + " 'dataset' = '%s', 'table' = 'transactions',"
          + " 'write.delivery-guarantee' = 'exactly-once')";

  private static final String KEEP_FIRST =
      "INSERT INTO transactions SELECT transaction_id, account_id, merchant_id, payment_type,"
          + " CAST(amount_minor * CASE currency WHEN 'JPY' THEN 1.000 WHEN 'KWD' THEN 0.001"
          + " ELSE 0.010 END AS DECIMAL(38, 9)), amount_minor, currency,"
          + " CAST(event_time AS TIMESTAMP(6)), country, device_id, kafka_topic, kafka_partition,"
          + " kafka_offset, CAST(broker_time AS TIMESTAMP(6)), CAST(NULL AS STRING),"
          + " CAST(NULL AS BIGINT), CAST(NULL AS BIGINT), CAST(NULL AS TIMESTAMP(6)),"
          + " CAST(CURRENT_TIMESTAMP AS TIMESTAMP(6)), counted() FROM (SELECT *, ROW_NUMBER() OVER"
          + " (PARTITION BY transaction_id ORDER BY seen ASC) AS place FROM payments)"
          + " WHERE place = 1";

  public static void main(String[] arguments) {
    int code = 0;
    try {
      run(arguments);
    } catch (Exception failure) {
      failure.printStackTrace();
      code = 1;
    }
    // The connector's writers leave threads behind that would keep this process alive.
    System.exit(code);
  }

  private static void run(String[] arguments) throws Exception {
    Configuration settings = new Configuration();
    settings.setString("state.backend.type", "rocksdb");
    settings.setString("execution.checkpointing.incremental", "true");
    settings.setString("execution.checkpointing.interval", "10 s");
    settings.setString("execution.checkpointing.dir", Path.of(arguments[4]).toUri().toString());
    settings.setString("state.checkpoints.dir", Path.of(arguments[4]).toUri().toString());
    settings.setString("taskmanager.memory.managed.size", "1g");
    settings.setString("table.exec.state.ttl", arguments[2] + " s");
    settings.setString("table.local-time-zone", "UTC");
    settings.setString("pipeline.object-reuse", "true");
    settings.setString("restart-strategy.type", "none"); // a failure is told, not tried again
    StreamExecutionEnvironment environment =
        StreamExecutionEnvironment.createLocalEnvironment(2, settings);
    StreamTableEnvironment tables = StreamTableEnvironment.create(environment);
    useStandIn(arguments[5]);
    tables.createTemporarySystemFunction("counted", new Counted(arguments[3]));
    tables.executeSql(String.format(SOURCE, arguments[1], arguments[0]));
    tables.executeSql(String.format(SINK, arguments[6], arguments[7]));
    tables.executeSql(KEEP_FIRST).await();
  }

  /** Hands the factory other clients by the door that its own tests use; 'test.enabled' opens it. */
  private static void useStandIn(String address) throws ReflectiveOperationException {
    SerializableSupplier<BigQueryServices> services = () -> new StandIn(address);
    Method door =
        BigQueryDynamicTableFactory.class.getDeclaredMethod(
            "setTestingServices", SerializableSupplier.class);
    door.setAccessible(true);
    door.invoke(null, services);
  }

  /**
   * The value of pipeline_version; called for each row that goes to the sink, it writes down when
   * how many did, in the form that benchmarks/meter.py reads.
   */
  public static final class Counted extends ScalarFunction {
    private static final int EVERY = 1_000;
    private static final StringData VERSION = StringData.fromString("peer");
    private final String folder;
    private transient PrintWriter file;
    private transient int passed;

    Counted(String folder) {
      this.folder = folder;
    }

    @Override
    public void open(FunctionContext context) throws Exception {
      Path path = Path.of(folder, "kept." + UUID.randomUUID() + ".0.csv");
      file = new PrintWriter(Files.newBufferedWriter(path), true);
    }

    @DataTypeHint(value = "STRING", bridgedTo = StringData.class)
    public StringData eval() {
      if (++passed == EVERY) {
        write();
      }
      return VERSION;
    }

    /** Or the planner would ask once, for all rows. */
    @Override
    public boolean isDeterministic() {
      return false;
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
