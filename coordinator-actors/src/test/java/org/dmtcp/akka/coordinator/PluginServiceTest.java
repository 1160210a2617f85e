package org.dmtcp.akka.coordinator;

import static org.junit.jupiter.api.Assertions.assertEquals;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.testkit.typed.javadsl.ManualTime;
import akka.actor.testkit.typed.javadsl.TestProbe;
import akka.actor.typed.ActorRef;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.dmtcp.akka.protocol.CoordinatorReply;
import org.dmtcp.akka.protocol.CoordinatorReply.BarrierOpened;
import org.dmtcp.akka.protocol.CoordinatorReply.KeyValue;
import org.dmtcp.akka.protocol.CoordinatorReply.Refused;
import org.dmtcp.akka.protocol.CoordinatorRequest.AccessKeyValue;
import org.dmtcp.akka.protocol.CoordinatorRequest.EnterBarrier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class PluginServiceTest {
  private static final Duration LIMIT = Duration.ofSeconds(50);

  @TempDir Path directory;

  private final ActorTestKit kit = ActorTestKit.create(ManualTime.config());
  private final ManualTime time = ManualTime.get(kit.system());
  private final TestProbe<CoordinatorReply> asker = kit.createTestProbe();

  @AfterEach
  void shutDown() {
    kit.shutdownTestKit();
  }

  private ActorRef<PluginService.Command> service(long storeBytes) {
    return kit.spawn(PluginService.create(
        new PluginService.Settings(LIMIT, storeBytes, 1000, Optional.of(directory))));
  }

  private static PluginService.Command enter(
      String name, int process, int expected, TestProbe<CoordinatorReply> asker) {
    return new PluginService.Asked(
        new EnterBarrier(name, "p" + process, expected, asker.ref()));
  }

  private KeyValue ask(ActorRef<PluginService.Command> service, String request, String key,
      String value) {
    service.tell(new PluginService.Asked(
        new AccessKeyValue(request, "db", key, value, asker.ref())));
    return asker.expectMessageClass(KeyValue.class);
  }

  @Test
  void aBarrierOpensWhenAllHaveCome() {
    ActorRef<PluginService.Command> service = service(1000);
    List<TestProbe<CoordinatorReply>> askers =
        IntStream.range(0, 3).mapToObj(i -> kit.<CoordinatorReply>createTestProbe()).toList();
    service.tell(enter("b", 0, 3, askers.get(0)));
    service.tell(enter("b", 1, 3, askers.get(1)));
    askers.get(0).expectNoMessage();
    service.tell(enter("b", 2, 3, askers.get(2)));
    askers.forEach(a -> a.expectMessageClass(BarrierOpened.class));
  }

  @Test
  void withoutANumberABarrierWaitsForAllThatHavePlugins() {
    ActorRef<PluginService.Command> service = service(1000);
    TestProbe<CoordinatorReply> other = kit.createTestProbe();
    service.tell(new PluginService.Counted("a", 1));
    service.tell(new PluginService.Counted("b", 2));
    service.tell(enter("b", 0, 0, asker));
    service.tell(enter("b", 1, 0, other));
    asker.expectNoMessage();
    service.tell(new PluginService.Counted("b", 1)); // one has ended
    asker.expectMessageClass(BarrierOpened.class);
    other.expectMessageClass(BarrierOpened.class);
  }

  @Test
  void whoWaitsTooLongIsToldSo() {
    ActorRef<PluginService.Command> service = service(1000);
    service.tell(enter("b", 0, 2, asker));
    asker.expectNoMessage();
    time.timePasses(LIMIT);
    assertEquals("phase-timeout", asker.expectMessageClass(Refused.class).failure().errorId());
  }

  @Test
  void theStoreAnswersWhatWasBefore() {
    ActorRef<PluginService.Command> service = service(1000);
    assertEquals(new KeyValue("db-not-found", "0"), ask(service, "get", "k", ""));
    assertEquals(new KeyValue("success", "0"), ask(service, "set", "k", "6"));
    assertEquals(new KeyValue("key-not-found", "0"), ask(service, "get", "other", ""));
    assertEquals(new KeyValue("success", "6"), ask(service, "incrby", "k", "4"));
    assertEquals(new KeyValue("success", "10"), ask(service, "and", "k", "6"));
    assertEquals(new KeyValue("success", "2"), ask(service, "or", "k", "5"));
    assertEquals(new KeyValue("success", "7"), ask(service, "xor", "k", "1"));
    assertEquals(new KeyValue("success", "6"), ask(service, "min", "k", "3"));
    assertEquals(new KeyValue("success", "3"), ask(service, "max", "k", "9"));
    assertEquals(new KeyValue("success", "9"), ask(service, "get", "k", ""));
    assertEquals(new KeyValue("invalid-request", "0"), ask(service, "incrby", "k", "many"));
    assertEquals(new KeyValue("invalid-request", "0"), ask(service, "set", "", "1"));
    service.tell(new PluginService.Forget());
    assertEquals(new KeyValue("db-not-found", "0"), ask(service, "get", "k", ""));
  }

  @Test
  void theStoreIsBounded() {
    ActorRef<PluginService.Command> service = service(1000);
    assertEquals("invalid-request", ask(service, "set", "k", "x".repeat(1000)).response());
    assertEquals("success", ask(service, "set", "a", "x".repeat(900)).response());
    assertEquals("invalid-request", ask(service, "set", "b", "x".repeat(100)).response());
    assertEquals("success", ask(service, "set", "a", "x").response());
    assertEquals("success", ask(service, "set", "b", "x".repeat(100)).response());
  }

  @Test
  void tenThousandPublishAtOnce() {
    ActorRef<PluginService.Command> service = service(1 << 20);
    int all = 10_000;
    for (int i = 0; i < all; i++) {
      service.tell(new PluginService.Asked(
          new AccessKeyValue("set", "db", "k" + i, "v" + i, asker.ref())));
    }
    for (int i = 0; i < all; i++) {
      assertEquals("success", asker.expectMessageClass(KeyValue.class).response());
    }
    assertEquals("v9999", ask(service, "get", "k9999", "").value());
  }

  @Test
  void theStoreGoesToAFile() throws IOException {
    ActorRef<PluginService.Command> service = service(1000);
    ask(service, "set", "k", "v");
    service.tell(new PluginService.Write("computation"));
    asker.awaitAssert(() -> {
      try (Stream<Path> files = Files.list(directory)) {
        Path file = files.findFirst().orElseThrow();
        assertEquals("{\n  \"db\" : {\n    \"k\" : \"v\"\n  }\n}\n", Files.readString(file));
      }
      return null;
    });
  }
}
