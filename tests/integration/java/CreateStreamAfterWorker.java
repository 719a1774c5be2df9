import com.google.cloud.bigquery.storage.v1.WriteStream;
import org.apache.beam.sdk.extensions.gcp.auth.NoopCredentialFactory;
import org.apache.beam.sdk.io.gcp.bigquery.BigQueryOptions;
import org.apache.beam.sdk.io.gcp.bigquery.BigQueryServicesImpl;
import org.apache.beam.sdk.options.ExecutorOptions;
import org.apache.beam.sdk.options.PipelineOptionsFactory;

/** Asks for a stream as Beam's sink does, when its worker has ended already. Prints its name. */
class CreateStreamAfterWorker {
  public static void main(String[] arguments) throws Exception {
    BigQueryOptions options = PipelineOptionsFactory.as(BigQueryOptions.class);
    options.setBigQueryEndpoint("http://" + arguments[0]);
    options.setCredentialFactoryClass(NoopCredentialFactory.class);
    try (var service = new BigQueryServicesImpl().getWriteStreamService(options)) {
      options.as(ExecutorOptions.class).getScheduledExecutorService().shutdown();
      String table = "projects/p/datasets/d/tables/t";
      System.out.println(service.createWriteStream(table, WriteStream.Type.BUFFERED).getName());
    }
    System.exit(0);
  }
}
