import org.apache.beam.runners.flink.adapter.FlinkKey;
import org.apache.beam.sdk.coders.VarLongCoder;
import org.apache.flink.runtime.state.KeyGroupRangeAssignment;

/** Prints the key group of each number below the first argument, of as many groups as the second. */
public final class KeyGroups {
  public static void main(String[] arguments) {
    int groups = Integer.parseInt(arguments[1]);
    for (long key = 0; key < Long.parseLong(arguments[0]); key++) {
      FlinkKey flinkKey = FlinkKey.of(key, VarLongCoder.of());
      System.out.println(KeyGroupRangeAssignment.assignToKeyGroup(flinkKey, groups));
    }
  }

  private KeyGroups() {}
}
