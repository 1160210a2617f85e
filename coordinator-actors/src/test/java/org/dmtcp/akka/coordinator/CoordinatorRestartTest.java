package org.dmtcp.akka.coordinator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import akka.actor.testkit.typed.javadsl.TestProbe;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.dmtcp.akka.protocol.CoordinatorReply;
import org.dmtcp.akka.protocol.CoordinatorRequest;
import org.dmtcp.akka.protocol.Failure;
import org.dmtcp.akka.protocol.NodeCommand;
import org.dmtcp.akka.protocol.NodeEvent;
import org.dmtcp.akka.protocol.Phase;
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
    assertEquals(1, status().peers(), "it is not answered before the question is");
    time.timePasses(Duration.ofSeconds(1));

    assertRefused("computation-running");
  }

  @Test
  void refusesARestartWhoseProcessesDoNotEnd() throws Exception {
    start("");
    register("p1");
    coordinator.tell(new CoordinatorRequest.Kill(client.ref()));
    client.expectMessageClass(CoordinatorReply.Accepted.class);
    begin("comp", 3);
    assertEquals(1, status().peers());
    time.expectNoMessageFor(Duration.ofSeconds(2), client);
    time.timePasses(Duration.ofSeconds(4));

    assertRefused("computation-running");
  }

  @Test
  void aRestartRightAfterAKillWaitsForTheEndOfTheProcesses() throws Exception {
    start("");
    register("p1");
    coordinator.tell(new CoordinatorRequest.Kill(client.ref()));
    client.expectMessageClass(CoordinatorReply.Accepted.class);
    begin("comp", 3);
    assertEquals(1, status().peers());
    assertFalse(status().running(), "they are ending");
    changed();

    client.expectMessageClass(CoordinatorReply.RestartBegun.class);
    assertEquals("restart", status().phase());
  }

  @Test
  void whoIsLaunchedAfterAKillIsNotTakenForOneThatEnds() throws Exception {
    start("");
    register("p1");
    coordinator.tell(new CoordinatorRequest.Kill(client.ref()));
    client.expectMessageClass(CoordinatorReply.Accepted.class);
    coordinator.tell(new CoordinatorRequest.Checkpoint(true, false, client.ref()));
    assertRefused("not-running");
    register("p2");
    changed(process("a", "p2"));

    assertTrue(status().running());
  }

  @Test
  void whoDoesNotEndAfterAKillCanBeCheckpointedAgain() throws Exception {
    start("coordinator.interval = 4 s");
    register("p1");
    coordinator.tell(new CoordinatorRequest.Kill(client.ref()));
    client.expectMessageClass(CoordinatorReply.Accepted.class);
    assertFalse(status().running());
    time.timePasses(Duration.ofSeconds(4)); // no automatic one yet
    assertFalse(status().running());
    time.timePasses(Duration.ofSeconds(1));

    awaitNote("1 process(es) were told to end and are still there");
    awaitStatus(CoordinatorReply.Status::running);
    node.expectMessageClass(NodeCommand.Welcome.class);
    node.expectMessageClass(NodeCommand.KillProcesses.class);
    time.timePasses(Duration.ofSeconds(3));
    passRound(); // the automatic one
    awaitStatus(s -> s.generation() == 1 && s.running());
    coordinator.tell(new CoordinatorRequest.Checkpoint(true, false, client.ref()));
    passRound();
    client.expectMessageClass(CoordinatorReply.CheckpointDone.class);
  }

  @Test
  void whoIsLaunchedWhileOthersEndHasAutomaticCheckpoints() throws Exception {
    start("coordinator.interval = 4 s");
    register("p1");
    coordinator.tell(new CoordinatorRequest.Kill(client.ref()));
    client.expectMessageClass(CoordinatorReply.Accepted.class);
    time.timePasses(Duration.ofSeconds(4));
    register("p2");
    changed(process("a", "p2"));
    assertEquals(1, status().peers());
    node.expectMessageClass(NodeCommand.Welcome.class);
    node.expectMessageClass(NodeCommand.KillProcesses.class);
    time.timePasses(Duration.ofSeconds(4));

    passRound();
    awaitStatus(s -> s.generation() == 1 && s.running());
    assertTrue(notes.stream().noneMatch(n -> n.contains("told to end")), notes::toString);
  }

  @Test
  void aRestartIsNotBegunForWhoHasGone() throws Exception {
    start("coordinator.kill-after-ckpt = true");
    register("p1");
    coordinator.tell(new CoordinatorRequest.Checkpoint(false, false, client.ref()));
    client.expectMessageClass(CoordinatorReply.CheckpointStarted.class);
    NodeCommand.BeginRound round = expectRound();
    TestProbe<CoordinatorReply> impatient = kit.createTestProbe();
    begin("comp", 3, impatient.ref());
    begin("comp", 4, client.ref());
    assertEquals("prepare", status().phase());
    impatient.stop();
    awaitNote("was given up");
    round.replyTo().tell(new NodeEvent.PhaseFailed("a", round.plan().roundId(), Phase.PREPARE,
        new Failure("disk-full", "the disk is full")));
    node.expectMessageClass(NodeCommand.AbortRound.class);
    changed();
    round.replyTo().tell(new NodeEvent.RoundAborted("a", round.plan().roundId()));

    client.expectMessageClass(CoordinatorReply.RestartBegun.class);
    assertEquals(4, status().generation(), "the other one");
  }

  @Test
  void aRestartThatGoesWhileItIsKilledEnds() throws Exception {
    start("");
    begin("comp", 3);
    String id = client.expectMessageClass(CoordinatorReply.RestartBegun.class).restartId();
    tellTogether(
        new Coordinator.Received(new CoordinatorRequest.Kill(client.ref())),
        new Coordinator.RestartEnded(
            new RestartRound.Went(id, List.of(process("a", "p1")), 0)));

    client.expectMessageClass(CoordinatorReply.Accepted.class);
    node.expectMessageClass(NodeCommand.Welcome.class);
    node.expectMessageClass(NodeCommand.KillProcesses.class);
    assertEquals(1, status().peers());
    assertFalse(status().running());
  }

  @Test
  void aRestartRightAfterACancelledOneIsANewOne() throws Exception {
    start("");
    begin("comp", 3);
    String first = client.expectMessageClass(CoordinatorReply.RestartBegun.class).restartId();
    for (int i = 0; i < 20; i++) {
      coordinator.tell(new CoordinatorRequest.Kill(client.ref()));
      client.expectMessageClass(CoordinatorReply.Accepted.class);
      begin("comp", 3);
      String next = client.expectMessageClass(CoordinatorReply.RestartBegun.class).restartId();
      assertNotEquals(first, next);
      first = next;
    }
  }

  @Test
  void anExitOnLastCoordinatorStaysForARestartThatWaits() throws Exception {
    start("coordinator.exit-on-last = true");
    register("p1");
    coordinator.tell(new CoordinatorRequest.Kill(client.ref()));
    client.expectMessageClass(CoordinatorReply.Accepted.class);
    begin("comp", 3);
    changed();

    client.expectMessageClass(CoordinatorReply.RestartBegun.class);
  }

  private TestProbe<NodeCommand> joins(String host, String... uniquePids) {
    TestProbe<NodeCommand> other = kit.createTestProbe();
    coordinator.tell(new NodeEvent.NodeJoined(host, "comp", 3,
        Stream.of(uniquePids).map(p -> process(host, p)).toList(), agent(host, other)));
    return other;
  }

  private void restart() {
    begin("comp", 3);
    String id = client.expectMessageClass(CoordinatorReply.RestartBegun.class).restartId();
    coordinator.tell(new CoordinatorRequest.RestartReady(
        id, "a", List.of(process("a", "p1")), client.ref()));
    client.expectMessageClass(CoordinatorReply.RestartGo.class);
  }

  @Test
  void whoRanBeforeARestartIsNotOfItAnyMore() throws Exception {
    start("");
    begin("comp", 3);
    client.expectMessageClass(CoordinatorReply.RestartBegun.class);
    assertFalse(joins("b", "p1").expectMessageClass(NodeCommand.Leave.class).kill());
    assertFalse(joins("b", "p2").expectMessageClass(NodeCommand.Leave.class).kill());
    awaitNote("Host b refused: computation comp was restarted without 1 process(es)");
    awaitNote("prog[7]. End them there");
    assertEquals(0, status().peers());
  }

  @Test
  void whoWasLostSinceARestartComesBack() throws Exception {
    start("");
    restart();
    assertFalse(joins("b", "p1").expectMessageClass(NodeCommand.Leave.class).kill());
    TestProbe<NodeCommand> other = joins("b");
    other.expectMessageClass(NodeCommand.Welcome.class);
    coordinator.tell(new NodeEvent.ProcessesChanged("b", List.of(process("b", "p2"))));
    awaitStatus(s -> s.peers() == 2);
    other.stop();
    awaitNote("Host b with 1 process(es) was lost");
    coordinator.tell(new CoordinatorRequest.Force(client.ref()));
    client.expectMessageClass(CoordinatorReply.Accepted.class);

    joins("b", "p2").expectMessageClass(NodeCommand.Welcome.class);
    assertEquals(2, status().peers());
  }

  @Test
  void nobodyIsHereTwice() throws Exception {
    start("");
    joins("b", "p1").expectMessageClass(NodeCommand.Welcome.class);
    assertFalse(joins("c", "p2", "p1").expectMessageClass(NodeCommand.Leave.class).kill());
    joins("c", "p2").expectMessageClass(NodeCommand.Welcome.class);
    assertEquals(2, status().peers());
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
