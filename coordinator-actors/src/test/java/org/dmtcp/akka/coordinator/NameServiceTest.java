package org.dmtcp.akka.coordinator;

import static org.junit.jupiter.api.Assertions.assertEquals;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.testkit.typed.javadsl.ManualTime;
import akka.actor.testkit.typed.javadsl.TestProbe;
import akka.actor.typed.ActorRef;
import com.typesafe.config.ConfigFactory;
import java.time.Duration;
import java.util.List;
import org.dmtcp.akka.protocol.CoordinatorReply;
import org.dmtcp.akka.protocol.CoordinatorReply.NamesResolved;
import org.dmtcp.akka.protocol.CoordinatorRequest.PublishNames;
import org.dmtcp.akka.protocol.CoordinatorRequest.ResolveNames;
import org.dmtcp.akka.protocol.NameValue;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class NameServiceTest {
  private static final Duration LIMIT = Duration.ofSeconds(30);

  private final ActorTestKit kit =
      ActorTestKit.create(ManualTime.config().withFallback(ConfigFactory.load()));
  private final ManualTime time = ManualTime.get(kit.system());
  private final TestProbe<CoordinatorReply> publisher = kit.createTestProbe();
  private final TestProbe<CoordinatorReply> asker = kit.createTestProbe();
  private final ActorRef<NameService.Command> names = kit.spawn(NameService.create());

  @AfterEach
  void shutDown() {
    kit.shutdownTestKit();
  }

  @Test
  void whoAsksTooEarlyIsAnsweredWhenAllAreThere() {
    ask("x", "y");
    publish("x", "1");
    asker.expectNoMessage();
    publish("y", "2");

    assertEquals(
        new NamesResolved(List.of(new NameValue("x", "1"), new NameValue("y", "2")), List.of()),
        asker.receiveMessage());
  }

  @Test
  void aNameThatIsPublishedAgainHasTheNewValue() {
    publish("x", "1");
    publish("x", "2");
    ask("x");

    assertEquals(
        new NamesResolved(List.of(new NameValue("x", "2")), List.of()), asker.receiveMessage());
  }

  @Test
  void afterTheLimitTheMissingAreNamed() {
    publish("x", "1");
    ask("x", "y");
    time.timePasses(LIMIT);

    assertEquals(
        new NamesResolved(List.of(new NameValue("x", "1")), List.of("y")),
        asker.receiveMessage());
    publish("y", "2");
    asker.expectNoMessage();
  }

  @Test
  void nobodyWaitsOnceTheMissingAreGivenUp() {
    ask("x");
    names.tell(new NameService.GiveUp());
    assertEquals(new NamesResolved(List.of(), List.of("x")), asker.receiveMessage());
    ask("y");
    assertEquals(new NamesResolved(List.of(), List.of("y")), asker.receiveMessage());
  }

  private void publish(String name, String value) {
    names.tell(
        new NameService.Publish(
            new PublishNames("r", List.of(new NameValue(name, value)), publisher.ref())));
    publisher.expectMessage(new CoordinatorReply.Accepted(1));
  }

  private void ask(String... wanted) {
    names.tell(
        new NameService.Resolve(new ResolveNames("r", List.of(wanted), LIMIT, asker.ref())));
  }
}
