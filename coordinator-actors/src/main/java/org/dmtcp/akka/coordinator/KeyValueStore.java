package org.dmtcp.akka.coordinator;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.LongBinaryOperator;
import org.dmtcp.akka.protocol.CoordinatorReply.KeyValue;
import org.dmtcp.akka.protocol.CoordinatorRequest.AccessKeyValue;

/**
 * What the processes of a computation tell each other: texts by database and key, of a bounded size
 * together. Only {@link PluginService} uses it.
 */
final class KeyValueStore {
  private static final int NAME_BYTES = 63;
  private static final String NONE = "0";
  private static final Map<String, LongBinaryOperator> ARITHMETIC = Map.of(
      "incrby", (a, b) -> a + b,
      "and", (a, b) -> a & b,
      "or", (a, b) -> a | b,
      "xor", (a, b) -> a ^ b,
      "min", Math::min,
      "max", Math::max);

  private final Map<String, Map<String, String>> databases = new HashMap<>();
  private final long mostBytes;
  private final long mostValueBytes;
  private long bytes;

  KeyValueStore(long mostBytes, long mostValueBytes) {
    this.mostBytes = mostBytes;
    this.mostValueBytes = mostValueBytes;
  }

  KeyValue access(AccessKeyValue request) {
    String database = request.database();
    String key = request.key();
    boolean get = request.request().equals("get");
    if (database.isEmpty() || size(database) > NAME_BYTES || key.isEmpty()
        || (!get && request.value().isEmpty())
        || size(key) + size(request.value()) > mostValueBytes) {
      return invalid();
    }
    Map<String, String> keys = databases.get(database);
    String old = keys == null ? null : keys.get(key);
    if (get) {
      return keys == null ? new KeyValue("db-not-found", NONE)
          : old == null ? new KeyValue("key-not-found", NONE) : new KeyValue("success", old);
    }
    String now = combined(request, old);
    if (now == null || !put(database, key, old, now)) {
      return invalid();
    }
    return new KeyValue("success", old == null ? NONE : old);
  }

  /** {@code null}: it cannot be calculated. */
  private static String combined(AccessKeyValue request, String old) {
    LongBinaryOperator operator = ARITHMETIC.get(request.request());
    if (operator == null) {
      return request.request().equals("set") ? request.value() : null;
    }
    try {
      long value = Long.parseLong(request.value());
      return Long.toString(
          old == null ? value : operator.applyAsLong(Long.parseLong(old), value));
    } catch (NumberFormatException e) {
      return null;
    }
  }

  private boolean put(String database, String key, String old, String now) {
    long more = old == null ? size(key) + size(now) : size(now) - size(old);
    if (bytes + more > mostBytes) {
      return false;
    }
    bytes += more;
    databases.computeIfAbsent(database, d -> new HashMap<>()).put(key, now);
    return true;
  }

  private static long size(String text) {
    return text.getBytes(StandardCharsets.UTF_8).length;
  }

  private static KeyValue invalid() {
    return new KeyValue("invalid-request", NONE);
  }

  void clear() {
    databases.clear();
    bytes = 0;
  }

  /** All of it, sorted by name. */
  ObjectNode toJson() {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    new TreeMap<>(databases).forEach((database, keys) -> {
      ObjectNode one = json.putObject(database);
      new TreeMap<>(keys).forEach(one::put);
    });
    return json;
  }
}
