package org.dmtcp.akka.coordinator;

import static org.junit.jupiter.api.Assertions.assertEquals;

import akka.actor.testkit.typed.javadsl.TestProbe;
import java.time.Duration;
import java.util.List;
import org.dmtcp.akka.protocol.CoordinatorReply;
import org.dmtcp.akka.protocol.CoordinatorRequest;
import org.dmtcp.akka.protocol.NodeCommand;
import org.dmtcp.akka.protocol.NodeEvent;
import org.junit.jupiter.api.Test;

/** Who asks who is there hears it of all hosts, as they are now. */
class SurveyTest extends CoordinatorFixture {
  private static final Duration LIMIT = Duration.ofMillis(500);

  private final TestProbe<NodeCommand> far = kit.createTestProbe();

  /** Host b with one process, which answers only what the test answers for it. */
  private void startWithFarHost() throws Exception {
    start("");
    register("p1");
    coordinator.tell(
        new NodeEvent.NodeJoined("b", "p1", 0, List.of(process("b", "p2")), far.ref()));
    assertEquals(new NodeCommand.Welcome("p1", 0), far.receiveMessage());
  }

  private void askForStatus() {
    coordinator.tell(new CoordinatorRequest.GetStatus(client.ref()));
  }

  private long expectLook() {
    return far.expectMessageClass(NodeCommand.LookAround.class).question();
  }

  private int peers() {
    return client.expectMessageClass(CoordinatorReply.Status.class).peers();
  }

  @Test
  void theAnswerHasWhatAHostFindsOnlyNow() throws Exception {
    startWithFarHost();
    coordinator.tell(new CoordinatorRequest.ListWorkers(client.ref()));
    long question = expectLook();
    coordinator.tell(new NodeEvent.ProcessesChanged(
        "b", List.of(process("b", "p2"), process("b", "p3"))));
    client.expectNoMessage(); // a change by itself is no answer
    coordinator.tell(new NodeEvent.LookedAround("b", question));

    assertEquals(3, client.expectMessageClass(CoordinatorReply.Workers.class).workers().size());
  }

  @Test
  void aHostThatDoesNotAnswerCostsTheLimitAndNoMore() throws Exception {
    startWithFarHost();
    askForStatus();
    expectLook();
    time.timePasses(LIMIT.minusMillis(1));
    client.expectNoMessage();
    time.timePasses(Duration.ofMillis(1));

    assertEquals(2, peers());
  }

  @Test
  void aHostThatIsLostIsNotWaitedFor() throws Exception {
    startWithFarHost();
    askForStatus();
    expectLook();
    far.stop();

    assertEquals(1, peers());
  }

  @Test
  void aLateAnswerIsNotTakenForThatOfTheNextQuestion() throws Exception {
    startWithFarHost();
    askForStatus();
    long first = expectLook();
    time.timePasses(LIMIT);
    assertEquals(2, peers());
    askForStatus();
    long second = expectLook();
    coordinator.tell(new NodeEvent.LookedAround("b", first));
    client.expectNoMessage();
    coordinator.tell(new NodeEvent.LookedAround("b", second));

    assertEquals(2, peers());
  }

  @Test
  void whoAsksAnEndingCoordinatorIsTold() throws Exception {
    startWithFarHost();
    askForStatus();
    expectLook();
    coordinator.tell(new CoordinatorRequest.Quit(client.ref()));
    client.expectMessageClass(CoordinatorReply.Accepted.class);
    far.expectMessageClass(NodeCommand.Leave.class);
    time.timePasses(LIMIT);

    assertRefused("coordinator-unreachable");
  }
}
