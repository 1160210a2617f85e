package org.dmtcp.akka.coordinator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.dmtcp.akka.protocol.CoordinatorReply;
import org.dmtcp.akka.protocol.CoordinatorRequest;
import org.dmtcp.akka.protocol.Failure;
import org.dmtcp.akka.protocol.NodeCommand;
import org.junit.jupiter.api.Test;

class CoordinatorRestartTest extends CoordinatorFixture {
  @Test
  void theLastWordsOfARestartDoNotEndTheNext() throws Exception {
    start("");
    begin("comp", 3);
    String firstId = client.expectMessageClass(CoordinatorReply.RestartBegun.class).restartId();
    coordinator.tell(new CoordinatorRequest.Kill(client.ref()));
    client.expectMessageClass(CoordinatorReply.Accepted.class);
    awaitStatus(s -> s.phase().isEmpty());
    begin("comp", 3);
    String secondId = client.expectMessageClass(CoordinatorReply.RestartBegun.class).restartId();
    actor.tell(new Coordinator.RoundStopped(firstId));
    actor.tell(new Coordinator.RestartEnded(
        new RestartRound.Cancelled(firstId, new Failure("internal", "late"))));
    actor.tell(new Coordinator.RestartEnded(new RestartRound.Went(firstId, List.of(), 1)));

    assertEquals("restart", status().phase());
    assertEquals("restart", status().phase(), "nor after what it has told itself meanwhile");
    coordinator.tell(
        new CoordinatorRequest.RestartReady(
            secondId, "a", List.of(process("a", "p1")), client.ref()));
    client.expectMessage(new CoordinatorReply.RestartGo(secondId));
    awaitStatus(s -> s.running() && s.peers() == 1);
  }

  @Test
  void theNewsOfARestartsEndDoesNotOvertakeItsOutcome() throws Exception {
    start("");
    begin("comp", 3);
    String id = client.expectMessageClass(CoordinatorReply.RestartBegun.class).restartId();
    tellTogether(
        new Coordinator.RoundStopped(id),
        new Coordinator.RestartEnded(
            new RestartRound.Went(id, List.of(process("a", "p1")), 0)));

    awaitStatus(s -> s.running() && s.peers() == 1);
    assertEquals("comp", status().computationId());
    assertTrue(notes.stream().noneMatch(n -> n.contains("Restart failed")), notes::toString);
  }

  @Test
  void restartsAndCountsOn() throws Exception {
    start("");
    begin("comp", 3);
    String restartId = client.expectMessageClass(CoordinatorReply.RestartBegun.class).restartId();
    assertEquals("restart", status().phase());
    coordinator.tell(
        new CoordinatorRequest.RestartReady(
            restartId, "a", List.of(process("a", "p1")), client.ref()));

    client.expectMessage(new CoordinatorReply.RestartGo(restartId));
    awaitStatus(CoordinatorReply.Status::running);
    assertEquals("comp", status().computationId());
    coordinator.tell(new CoordinatorRequest.Checkpoint(false, false, client.ref()));
    client.expectMessageClass(CoordinatorReply.CheckpointStarted.class);
    node.expectMessageClass(NodeCommand.Welcome.class);
    assertEquals(4, node.expectMessageClass(NodeCommand.BeginRound.class).plan().generation());
  }

  @Test
  void refusesARestartWhileAComputationRuns() throws Exception {
    start("");
    register("p1");
    begin("comp", 3);

    assertRefused("computation-running");
  }

  @Test
  void aRestartCanBeKilled() throws Exception {
    start("");
    begin("comp", 3);
    client.expectMessageClass(CoordinatorReply.RestartBegun.class);
    coordinator.tell(new CoordinatorRequest.Kill(client.ref()));
    client.expectMessageClass(CoordinatorReply.Accepted.class);

    awaitStatus(s -> s.phase().isEmpty());
    assertEquals("", status().computationId());
  }

  @Test
  void refusesToForceWhenNothingIsRestarted() throws Exception {
    start("");
    coordinator.tell(new CoordinatorRequest.Force(client.ref()));

    assertRefused("not-running");
  }
}
