package org.dmtcp.akka.coordinator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import akka.actor.testkit.typed.javadsl.TestProbe;
import akka.actor.typed.ActorRef;
import akka.actor.typed.javadsl.Behaviors;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.dmtcp.akka.config.ExitCode;
import org.dmtcp.akka.protocol.CoordinatorReply;
import org.dmtcp.akka.protocol.CoordinatorRequest;
import org.dmtcp.akka.protocol.NodeCommand;
import org.dmtcp.akka.protocol.NodeEvent;
import org.junit.jupiter.api.Test;

class CoordinatorTest extends CoordinatorFixture {
  // ---- processes come and go

  @Test
  void theFirstProcessFoundsTheComputation() throws Exception {
    start("");
    assertFalse(status().running());
    register("p1");
    register("p2");

    assertEquals("p1", status().computationId());
    assertEquals(2, status().peers());
    assertTrue(status().running());
    assertEquals(new NodeCommand.Welcome("p1", 0), node.receiveMessage());
  }

  @Test
  void tellsAHostThatJoinsWhatIsCommitted() throws Exception {
    GenerationStore store = new GenerationStore(dir);
    Manifest manifest =
        new Manifest("comp", 4, "m4", 0, "", Instant.EPOCH, "a", 7779, 0, List.of());
    store.stage(manifest);
    store.commit(manifest);
    start("");
    TestProbe<NodeCommand> other = kit.createTestProbe();
    coordinator.tell(
        new NodeEvent.NodeJoined("b", "comp", 3, List.of(process("b", "p9")), agent("b", other)));

    other.expectMessageClass(NodeCommand.Welcome.class);
    assertEquals(
        new NodeCommand.CommitRound("joined", "comp", 4, "m4"), other.receiveMessage());
  }

  @Test
  void endsWithTheLastProcessWhenToldSo() throws Exception {
    start("coordinator.exit-on-last = true");
    changed();
    assertFalse(ending.isDone(), "not before the first process");
    register("p1");
    changed();

    node.expectMessageClass(NodeCommand.Welcome.class);
    assertFalse(node.expectMessageClass(NodeCommand.Leave.class).kill());
    node.stop();
    assertEquals(ExitCode.DONE, end().code());
  }

  @Test
  void endsWhenNobodyComes() throws Exception {
    start("coordinator.stale-timeout = 60 s");
    status();
    time.timePasses(Duration.ofSeconds(60));

    node.expectMessageClass(NodeCommand.Leave.class);
    node.stop();
    assertEquals(ExitCode.USAGE_OR_TIMEOUT, end().code());
  }

  @Test
  void endsAfterItsTimeoutAndLetsTheProcessesRun() throws Exception {
    start("coordinator.timeout = 60 s");
    register("p1");
    node.expectMessageClass(NodeCommand.Welcome.class);
    time.timePasses(Duration.ofSeconds(60));

    assertFalse(node.expectMessageClass(NodeCommand.Leave.class).kill());
    status(); // answered, or refused: the coordinator has heard all before
    time.timePasses(Duration.ofSeconds(5)); // the node does not stop: nobody waits for ever
    assertEquals(ExitCode.USAGE_OR_TIMEOUT, end().code());
  }

  @Test
  void learnsFromANodeWhatAnEarlierCoordinatorKnew() throws Exception {
    start("");
    TestProbe<NodeCommand> other = kit.createTestProbe();
    coordinator.tell(
        new NodeEvent.NodeJoined("b", "comp", 4, List.of(process("b", "p9")), agent("b", other)));

    assertEquals(new NodeCommand.Welcome("comp", 4), other.receiveMessage());
    assertEquals("comp", status().computationId());
    assertEquals(4, status().generation());
    assertEquals(1, status().peers());
  }

  @Test
  void sendsAwayANodeOfAnotherComputation() throws Exception {
    start("");
    register("p1");
    TestProbe<NodeCommand> other = kit.createTestProbe();
    coordinator.tell(new NodeEvent.NodeJoined("b", "comp", 4, List.of(), agent("b", other)));

    assertFalse(other.expectMessageClass(NodeCommand.Leave.class).kill());
  }

  @Test
  void takesANodeOfAnotherComputationWhenItsOwnIsOver() throws Exception {
    start("");
    register("p1");
    changed();
    TestProbe<NodeCommand> other = kit.createTestProbe();
    coordinator.tell(
        new NodeEvent.NodeJoined("b", "comp", 4, List.of(process("b", "p9")), agent("b", other)));

    assertEquals(new NodeCommand.Welcome("comp", 4), other.receiveMessage());
    assertEquals("comp", status().computationId());
  }

  @Test
  void forgetsTheProcessesOfALostNode() throws Exception {
    start("");
    TestProbe<NodeCommand> other = kit.createTestProbe();
    coordinator.tell(
        new NodeEvent.NodeJoined("b", "comp", 4, List.of(process("b", "p9")), agent("b", other)));
    other.receiveMessage();
    other.stop();

    awaitStatus(s -> s.peers() == 0);
    assertTrue(notes.stream().anyMatch(n -> n.contains("Host b with 1 process(es) was lost")));
  }

  // ---- the end

  @Test
  void quitEndsTheProcessesAndTheCoordinator() throws Exception {
    start("");
    register("p1");
    node.expectMessageClass(NodeCommand.Welcome.class);
    coordinator.tell(new CoordinatorRequest.Quit(client.ref()));

    client.expectMessage(new CoordinatorReply.Accepted(1));
    assertTrue(node.expectMessageClass(NodeCommand.Leave.class).kill());
    node.stop();
    assertEquals(new Coordinator.Ending(ExitCode.DONE, "per request"), end());
  }

  @Test
  void anInterruptIsTheSameAsQuit() throws Exception {
    start("");
    actor.tell(new Coordinator.Close("signal INT"));

    assertTrue(node.expectMessageClass(NodeCommand.Leave.class).kill());
    node.stop();
    assertEquals(ExitCode.DONE, end().code());
  }

  @Test
  void endsWhenItsOwnNodeCannotStart() throws Exception {
    spawn("", coordinatorRef -> Behaviors.stopped());

    assertEquals(ExitCode.FAILED, end().code());
  }

  @Test
  void startsItsOwnNodeAgainWhenItFails() throws Exception {
    TestProbe<ActorRef<NodeCommand>> started = kit.createTestProbe();
    spawn(
        "",
        reference ->
            Behaviors.setup(
                context -> {
                  started.ref().tell(context.getSelf());
                  reference.tell(
                      new NodeEvent.NodeJoined("a", "", 0, List.of(), context.getSelf()));
                  return Behaviors.receive(NodeCommand.class)
                      .onMessage(NodeCommand.ReportProcesses.class, m -> {
                        throw new IllegalStateException("the test wants it to fail");
                      })
                      .onAnyMessage(m -> Behaviors.same())
                      .build();
                }));
    coordinator = ready.get(10, TimeUnit.SECONDS);
    started.receiveMessage().tell(new NodeCommand.ReportProcesses());
    awaitNote("it is started again");
    time.timePasses(Duration.ofSeconds(1));

    started.receiveMessage();
  }
}
