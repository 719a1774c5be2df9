package payments.kafka;

import java.io.ByteArrayOutputStream;
import java.net.URLDecoder;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.apache.kafka.clients.consumer.ConsumerInterceptor;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;

/**
 * Packs consecutive records of a partition into one, a frame: KafkaIO and Beam then handle one
 * element where there were hundreds, and transforms/codecs/record_frame.py unpacks it. A row per
 * record costs Python more than all that is done with the payment afterwards.
 *
 * <p>Reading stays exact because a frame is atomic. Its offset is that of its last record, and
 * KafkaIO goes on at the offset after the one that it has read, so a checkpoint lies between two
 * frames, never inside one. Offsets that nobody sees are no news to KafkaIO: compaction and the
 * markers of transactions leave such gaps too. After a restart the same records may come in other
 * frames, but each comes once.
 *
 * <p>Its timestamp is that of its earliest record. The watermark follows it, and must not be ahead of
 * a record of the frame; LogAppendTime does not fall within a partition, and BoundedCreateTime stays
 * behind by as much as producers' times can fall.
 *
 * <p>All records of a frame have one timestamp type. In the place of those that do not say when they
 * arrived stands a record that fails whoever reads it (NoArrivalTime).
 *
 * <p>Headers are carried that the setting payments.headers names. A job that asks for none has none
 * looked at, but for ours.
 *
 * <p>For Flink's legacy read only. A splittable read, which is Dataflow's, may end its share at any
 * offset: what of a frame lies behind that offset would be read by the next share again, or by
 * neither. So Dataflow reads record by record.
 *
 * <p>Kafka logs an exception of an interceptor and hands out the records as they were. A payment is
 * no frame, so the Python side then fails the bundle, and nothing is lost.
 */
public final class RecordFrames implements ConsumerInterceptor<byte[], byte[]> {
  private static final int RECORDS_MAX = 500;
  // Of keys, values and headers: what a bundle holds must have a bound (docs/decisions/0016). A
  // larger record is alone.
  private static final int BYTES_MAX = 64 * 1024;

  private static final byte PLAIN = 2;
  private static final byte WITH_HEADERS = 3;
  private static final int HEAD_BYTES = 12; // version, type, topic_bytes, partition, count
  private static final int PLACE_BYTES = 2 * Long.BYTES; // offset and timestamp, of each record
  private static final int HEADER_BYTES = Short.BYTES + Integer.BYTES; // place of the name, length
  private static final int ABSENT = -1;
  private static final String REPLAY_HEADER = "payments-replay-of"; // transforms/payment/replay.py
  private static final String HEADERS_SETTING = "payments.headers"; // codecs/record_frame.py
  private static final List<Function<ConsumerRecord<byte[], byte[]>, byte[]>> FIELDS =
      List.of(ConsumerRecord::key, ConsumerRecord::value, RecordFrames::replayHeader);

  private List<Function<ConsumerRecord<byte[], byte[]>, byte[]>> fields = FIELDS;
  private byte version = PLAIN;
  private boolean bounded = false;

  @Override
  public ConsumerRecords<byte[], byte[]> onConsume(ConsumerRecords<byte[], byte[]> polled) {
    Map<TopicPartition, List<ConsumerRecord<byte[], byte[]>>> frames = new LinkedHashMap<>();
    for (TopicPartition partition : polled.partitions()) {
      frames.put(partition, framesOf(polled.records(partition)));
    }
    return new ConsumerRecords<>(frames);
  }

  private List<ConsumerRecord<byte[], byte[]>> framesOf(
      List<ConsumerRecord<byte[], byte[]>> records) {
    List<ConsumerRecord<byte[], byte[]>> frames = new ArrayList<>();
    int begin = 0;
    int frameBytes = 0;
    for (int next = 0; next < records.size(); next++) {
      int recordBytes = bytesOf(records.get(next));
      boolean full = next - begin == RECORDS_MAX || frameBytes + recordBytes > BYTES_MAX;
      boolean other = isFit(records.get(next)) != isFit(records.get(begin));
      if ((full || other) && next > begin) {
        frames.add(frameOf(records.subList(begin, next), frameBytes));
        begin = next;
        frameBytes = 0;
      }
      frameBytes += recordBytes;
    }
    if (begin < records.size()) {
      frames.add(frameOf(records.subList(begin, records.size()), frameBytes));
    }
    return frames;
  }

  /** Brokers take a record without a time, and ask it nothing. */
  private boolean isFit(ConsumerRecord<byte[], byte[]> record) {
    TimestampType required = bounded ? TimestampType.CREATE_TIME : TimestampType.LOG_APPEND_TIME;
    return record.timestampType() == required && record.timestamp() >= 0;
  }

  private ConsumerRecord<byte[], byte[]> frameOf(
      List<ConsumerRecord<byte[], byte[]>> records, int contentBytes) {
    ConsumerRecord<byte[], byte[]> first = records.get(0);
    ConsumerRecord<byte[], byte[]> last = records.get(records.size() - 1);
    if (!isFit(first)) {
      return new NoArrivalTime.Failing(first, bounded);
    }
    byte[] frame = pack(records, contentBytes);
    return new ConsumerRecord<>(
        last.topic(),
        last.partition(),
        last.offset(),
        records.stream().mapToLong(ConsumerRecord::timestamp).min().getAsLong(),
        first.timestampType(),
        0,
        frame.length,
        new byte[0],
        frame,
        new RecordHeaders(),
        last.leaderEpoch());
  }

  /** The format that transforms/codecs/record_frame.py describes. */
  private byte[] pack(List<ConsumerRecord<byte[], byte[]>> records, int contentBytes) {
    byte[] topic = records.get(0).topic().getBytes(StandardCharsets.UTF_8);
    int columnsBytes = records.size() * (PLACE_BYTES + fields.size() * Integer.BYTES);
    ByteBuffer frame = ByteBuffer.allocate(HEAD_BYTES + topic.length + columnsBytes + contentBytes);
    frame.order(ByteOrder.LITTLE_ENDIAN);
    frame.put(version).put((byte) records.get(0).timestampType().id).putShort((short) topic.length);
    frame.putInt(records.get(0).partition()).putInt(records.size());
    frame.put(topic);
    records.forEach(each -> frame.putLong(each.offset()));
    records.forEach(each -> frame.putLong(each.timestamp()));
    for (Function<ConsumerRecord<byte[], byte[]>, byte[]> field : fields) {
      for (ConsumerRecord<byte[], byte[]> each : records) {
        byte[] content = field.apply(each);
        frame.putInt(content == null ? ABSENT : content.length);
      }
    }
    for (Function<ConsumerRecord<byte[], byte[]>, byte[]> field : fields) {
      for (ConsumerRecord<byte[], byte[]> each : records) {
        byte[] content = field.apply(each);
        if (content != null) {
          frame.put(content);
        }
      }
    }
    return frame.array();
  }

  private int bytesOf(ConsumerRecord<byte[], byte[]> record) {
    int bytes = 0;
    for (Function<ConsumerRecord<byte[], byte[]>, byte[]> field : fields) {
      byte[] content = field.apply(record);
      bytes += content == null ? 0 : content.length;
    }
    return bytes;
  }

  /** The last one's value if the header is repeated, even when that is null: replay.header_of. */
  private static byte[] replayHeader(ConsumerRecord<byte[], byte[]> record) {
    Header header = record.headers().lastHeader(REPLAY_HEADER);
    return header == null ? null : header.value();
  }

  @Override
  public void onCommit(Map<TopicPartition, OffsetAndMetadata> offsets) {}

  @Override
  public void close() {}

  @Override
  public void configure(Map<String, ?> settings) {
    bounded = BoundedCreateTime.isAskedFor(settings);
    Object asked = settings.get(HEADERS_SETTING);
    if (asked != null) {
      Map<String, Integer> places = placesOf(asked.toString());
      fields = new ArrayList<>(FIELDS);
      fields.add(record -> headersOf(record, places));
      version = WITH_HEADERS;
    }
  }

  private static Map<String, Integer> placesOf(String asked) {
    Map<String, Integer> places = new HashMap<>();
    for (String name : asked.split(",")) {
      places.put(URLDecoder.decode(name, StandardCharsets.UTF_8), places.size());
    }
    return places;
  }

  /** Those that are asked for, in their order: place of the name, length of the value, value. */
  private static byte[] headersOf(
      ConsumerRecord<byte[], byte[]> record, Map<String, Integer> places) {
    ByteArrayOutputStream packed = new ByteArrayOutputStream();
    for (Header header : record.headers()) {
      Integer place = places.get(header.key());
      if (place != null) {
        byte[] value = header.value();
        ByteBuffer head = ByteBuffer.allocate(HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        head.putShort(place.shortValue()).putInt(value == null ? ABSENT : value.length);
        packed.writeBytes(head.array());
        packed.writeBytes(value == null ? new byte[0] : value);
      }
    }
    return packed.size() == 0 ? null : packed.toByteArray();
  }
}
