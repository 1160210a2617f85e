package org.dmtcp.akka.protocol;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.testkit.typed.javadsl.TestProbe;
import akka.actor.typed.ActorRef;
import akka.actor.typed.ActorRefResolver;
import akka.actor.typed.javadsl.Adapter;
import akka.serialization.Serialization;
import akka.serialization.SerializationExtension;
import com.esotericsoftware.kryo.io.Output;
import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.RecordComponent;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every leaf of {@link WireMessage} has an id, comes back as it was, and has the bytes it always
 * had ({@code golden.properties}; delete a line there only for a message that was never released,
 * run with {@code -Ddmtcp.golden=write} to have new ones added).
 */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class WireTest {
  private final ActorTestKit kit = ActorTestKit.create("wire");
  private final TestProbe<Object> probe = kit.createTestProbe("there", Object.class);
  private final Serialization akka =
      SerializationExtension.get(Adapter.toClassic(kit.system()));

  @AfterAll
  void shutDown() {
    kit.shutdownTestKit();
  }

  static List<Class<?>> leaves() {
    List<Class<?>> leaves = new ArrayList<>();
    collect(WireMessage.class, leaves);
    return leaves;
  }

  private static void collect(Class<?> type, List<Class<?>> leaves) {
    if (type.isSealed()) {
      for (Class<?> sub : type.getPermittedSubclasses()) {
        collect(sub, leaves);
      }
    } else {
      leaves.add(type);
    }
  }

  @ParameterizedTest
  @MethodSource("leaves")
  void everyLeafHasAnId(Class<?> leaf) {
    assertTrue(
        Arrays.stream(WireType.values()).anyMatch(t -> t.type == leaf), leaf + " is not listed");
  }

  @ParameterizedTest
  @MethodSource("leaves")
  void everyLeafComesBack(Class<?> leaf) throws Exception {
    Object message = sample(leaf, new int[] {0});
    byte[] bytes = akka.serialize(message).get();
    Object back =
        akka.deserialize(bytes, akka.serializerFor(leaf).identifier(), "").get();
    assertEquals(message, back);
    assertArrayEquals(bytes, akka.serialize(back).get());
  }

  @Test
  void everyLeafHasTheBytesItAlwaysHad() throws Exception {
    Properties golden = new Properties();
    try (InputStream in = WireTest.class.getResourceAsStream("/golden.properties")) {
      golden.load(in);
    }
    Map<String, String> fresh = new TreeMap<>();
    for (Class<?> leaf : leaves()) {
      fresh.put(leaf.getSimpleName(), golden(leaf));
    }
    if ("write".equals(System.getProperty("dmtcp.golden"))) {
      String text =
          fresh.entrySet().stream()
              .map(e -> e.getKey() + "=" + golden.getProperty(e.getKey(), e.getValue()))
              .collect(Collectors.joining("\n", "", "\n"));
      Files.writeString(Path.of("src/test/resources/golden.properties"), text);
    }
    Map<String, String> known = new TreeMap<>();
    golden.forEach((name, bytes) -> known.put((String) name, (String) bytes));
    assertEquals(known, fresh);
  }

  @Test
  void idsAreUnique() {
    Collection<Integer> ids = Stream.of(WireType.values()).map(t -> t.id).toList();
    assertEquals(ids.size(), ids.stream().distinct().count());
  }

  @Test
  void aClassThatIsNotListedIsRefusedBeforeItTravels() {
    Output output = new Output(64, -1);
    assertThrows(
        IllegalArgumentException.class,
        () -> WireSerializer.kryo(resolver()).writeClassAndObject(output, new HashMap<>()));
  }

  @Test
  void garbageIsRefused() throws Exception {
    int id = akka.serializerFor(NodeCommand.Leave.class).identifier();
    for (String hex :
        List.of("", "00", "ff", "0101", "ffffffff0f", "67ffffffff0f", "9001", "9a01")) {
      assertTrue(
          akka.deserialize(HexFormat.of().parseHex(hex), id, "").isFailure(), "accepted: " + hex);
    }
  }

  @Test
  void aListThatLiesAboutItsSizeIsRefused() throws IOException {
    Output output = new Output(64, -1);
    output.writeVarInt(WireType.LIST.id + 2, true);
    output.writeVarInt(Integer.MAX_VALUE, true);
    int id = akka.serializerFor(NodeCommand.Leave.class).identifier();
    assertTrue(akka.deserialize(output.toBytes(), id, "").isFailure());
  }

  /** One OutOfMemoryError that gets through ends the whole JVM. */
  @Test
  void aTextLongerThanAnyMemoryIsRefused() throws IOException {
    byte[] bytes = akka.serialize(new NodeCommand.KillProcesses("y")).get();
    int at = bytes.length - 2; // its length and the text, at the end
    assertEquals('y', bytes[at + 1]);
    byte[] endless = Arrays.copyOf(bytes, bytes.length + 4);
    System.arraycopy(new byte[] {-1, -1, -1, -1, 0x0f, 'y'}, 0, endless, at, 6);
    int id = akka.serializerFor(NodeCommand.KillProcesses.class).identifier();
    assertTrue(akka.deserialize(endless, id, "").isFailure());
  }

  private ActorRefResolver resolver() {
    return ActorRefResolver.get(kit.system());
  }

  /** Without the address of this run's actor: its path has a number that changes. */
  private String golden(Class<?> leaf) throws Exception {
    byte[] bytes = akka.serialize(sample(leaf, new int[] {0})).get();
    String reference = resolver().toSerializationFormat(probe.ref());
    Output output = new Output(256, -1);
    output.writeString(reference);
    return HexFormat.of()
        .formatHex(bytes)
        .replace(HexFormat.of().formatHex(output.toBytes()), "<ref>");
  }

  /** A valid message whose parts all differ, so that two that are swapped are seen. */
  private Object sample(Class<?> type, int[] counter) throws Exception {
    int n = ++counter[0];
    if (type == int.class) {
      return n;
    } else if (type == long.class) {
      return 1000L + n;
    } else if (type == boolean.class) {
      return n % 2 == 0;
    } else if (type == String.class) {
      return "/text" + n;
    } else if (type == Duration.class) {
      return Duration.ofMillis(1500L + n);
    } else if (type == ActorRef.class) {
      return probe.ref();
    } else if (type.isEnum()) {
      // The first ones: constants that are appended later do not change what is golden.
      return type.getEnumConstants()[n % Math.min(8, type.getEnumConstants().length)];
    }
    RecordComponent[] parts = type.getRecordComponents();
    Object[] values = new Object[parts.length];
    Class<?>[] types = new Class<?>[parts.length];
    for (int i = 0; i < parts.length; i++) {
      types[i] = parts[i].getType();
      values[i] = types[i] == List.class ? list(parts[i], counter) : sample(types[i], counter);
    }
    var constructor = type.getDeclaredConstructor(types);
    constructor.setAccessible(true);
    return constructor.newInstance(values);
  }

  private List<?> list(RecordComponent part, int[] counter) throws Exception {
    String item = part.getGenericType().getTypeName().replaceAll(".*<(.*)>", "$1");
    Class<?> type = Class.forName(item);
    return List.of(sample(type, counter), sample(type, counter), sample(type, counter));
  }
}
