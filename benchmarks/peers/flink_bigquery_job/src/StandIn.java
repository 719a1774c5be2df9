import com.google.api.gax.core.NoCredentialsProvider;
import com.google.api.gax.retrying.RetrySettings;
import com.google.api.services.bigquery.model.TableSchema;
import com.google.cloud.NoCredentials;
import com.google.cloud.bigquery.BigQuery;
import com.google.cloud.bigquery.BigQueryOptions;
import com.google.cloud.bigquery.Dataset;
import com.google.cloud.bigquery.DatasetId;
import com.google.cloud.bigquery.Table;
import com.google.cloud.bigquery.TableDefinition;
import com.google.cloud.bigquery.TableId;
import com.google.cloud.bigquery.storage.v1.BigQueryWriteClient;
import com.google.cloud.bigquery.storage.v1.BigQueryWriteSettings;
import com.google.cloud.bigquery.storage.v1.CreateWriteStreamRequest;
import com.google.cloud.bigquery.storage.v1.FinalizeWriteStreamResponse;
import com.google.cloud.bigquery.storage.v1.FlushRowsRequest;
import com.google.cloud.bigquery.storage.v1.FlushRowsResponse;
import com.google.cloud.bigquery.storage.v1.ProtoSchema;
import com.google.cloud.bigquery.storage.v1.StreamWriter;
import com.google.cloud.bigquery.storage.v1.WriteStream;
import com.google.cloud.flink.bigquery.common.config.CredentialsOptions;
import com.google.cloud.flink.bigquery.common.utils.BigQueryTableInfo;
import com.google.cloud.flink.bigquery.services.BigQueryServices;
import com.google.cloud.flink.bigquery.services.TablePartitionInfo;
import com.google.protobuf.Int64Value;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import org.threeten.bp.Duration;

/**
 * The connector's clients of BigQuery, at an address of our choice and without credentials.
 *
 * <p>The connector has no setting for either. This does what its own BigQueryServicesImpl 1.0.0
 * does for a sink, call by call: the retries of appends are its own, the retries of the other calls
 * are the client library's, for nothing fails in this run.
 */
final class StandIn implements BigQueryServices {
  private final String address;

  /** `address` is host:port, for REST and gRPC. */
  StandIn(String address) {
    this.address = address;
  }

  @Override
  public QueryDataClient createQueryDataClient(CredentialsOptions ignored) {
    return new Tables(address);
  }

  @Override
  public StorageWriteClient createStorageWriteClient(CredentialsOptions ignored)
      throws IOException {
    return new Streams(address);
  }

  @Override
  public StorageReadClient createStorageReadClient(CredentialsOptions ignored) {
    throw new UnsupportedOperationException("a sink reads nothing");
  }

  private static final class Streams implements StorageWriteClient {
    private final BigQueryWriteClient client;

    Streams(String address) throws IOException {
      client =
          BigQueryWriteClient.create(
              BigQueryWriteSettings.newBuilder()
                  .setCredentialsProvider(NoCredentialsProvider.create())
                  .setEndpoint(address)
                  .build());
    }

    @Override
    public StreamWriter createStreamWriter(
        String stream, ProtoSchema schema, boolean pooled, String traceId) throws IOException {
      RetrySettings retries =
          RetrySettings.newBuilder()
              .setMaxAttempts(5)
              .setTotalTimeout(Duration.ofMinutes(5))
              .setInitialRpcTimeout(Duration.ofSeconds(30))
              .setMaxRpcTimeout(Duration.ofMinutes(2))
              .setRpcTimeoutMultiplier(1.6)
              .setRetryDelayMultiplier(1.6)
              .setInitialRetryDelay(Duration.ofMillis(1250))
              .setMaxRetryDelay(Duration.ofSeconds(5))
              .build();
      return StreamWriter.newBuilder(stream, client)
          .setEnableConnectionPool(pooled)
          .setTraceId(traceId)
          .setRetrySettings(retries)
          .setWriterSchema(schema)
          .build();
    }

    @Override
    public WriteStream createWriteStream(String table, WriteStream.Type type) {
      return client.createWriteStream(
          CreateWriteStreamRequest.newBuilder()
              .setParent(table)
              .setWriteStream(WriteStream.newBuilder().setType(type).build())
              .build());
    }

    @Override
    public FlushRowsResponse flushRows(String stream, long offset) {
      return client.flushRows(
          FlushRowsRequest.newBuilder()
              .setWriteStream(stream)
              .setOffset(Int64Value.of(offset))
              .build());
    }

    @Override
    public FinalizeWriteStreamResponse finalizeWriteStream(String stream) {
      return client.finalizeWriteStream(stream);
    }

    @Override
    public void close() {
      client.close();
    }
  }

  private static final class Tables implements QueryDataClient {
    private final BigQuery client;

    Tables(String address) {
      client =
          BigQueryOptions.newBuilder()
              .setCredentials(NoCredentials.getInstance())
              .setHost("http://" + address)
              .setProjectId("none") // every call names its own
              .build()
              .getService();
    }

    @Override
    public TableSchema getTableSchema(String project, String dataset, String table) {
      return BigQueryTableInfo.getSchema(client, project, dataset, table);
    }

    @Override
    public Dataset getDataset(String project, String dataset) {
      return client.getDataset(DatasetId.of(project, dataset));
    }

    @Override
    public Boolean tableExists(String project, String dataset, String table) {
      Table found = client.getTable(TableId.of(project, dataset, table));
      return found != null && found.exists();
    }

    @Override
    public void createDataset(String project, String dataset, String region) {
      throw new UnsupportedOperationException("the dataset is there");
    }

    @Override
    public void createTable(String project, String dataset, String table, TableDefinition ignored) {
      throw new UnsupportedOperationException("the table is there");
    }

    @Override
    public List<String> retrieveTablePartitions(String project, String dataset, String table) {
      throw new UnsupportedOperationException("a sink reads nothing");
    }

    @Override
    public Optional<TablePartitionInfo> retrievePartitionColumnInfo(
        String project, String dataset, String table) {
      throw new UnsupportedOperationException("a sink reads nothing");
    }
  }
}
