package org.dmtcp.akka.coordinator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import akka.actor.testkit.typed.javadsl.TestProbe;
import java.time.Duration;
import java.util.List;
import org.dmtcp.akka.config.ExitCode;
import org.dmtcp.akka.protocol.CoordinatorReply;
import org.dmtcp.akka.protocol.CoordinatorRequest;
import org.dmtcp.akka.protocol.Failure;
import org.dmtcp.akka.protocol.NodeCommand;
import org.dmtcp.akka.protocol.NodeEvent;
import org.dmtcp.akka.protocol.Phase;
import org.junit.jupiter.api.Test;

class CoordinatorRoundTest extends CoordinatorFixture {
  @Test
  void refusesACheckpointOfNothing() throws Exception {
    start("");
    coordinator.tell(new CoordinatorRequest.Checkpoint(true, false, client.ref()));

    assertRefused("not-running");
  }

  @Test
  void answersABlockingCheckpointWhenItIsCommitted() throws Exception {
    start("");
    register("p1");
    coordinator.tell(new CoordinatorRequest.Checkpoint(true, false, client.ref()));
    passRound();

    CoordinatorReply.CheckpointDone done =
        client.expectMessageClass(CoordinatorReply.CheckpointDone.class);
    assertEquals(1, done.generation());
    assertEquals(List.of("/x/ckpt_p1.dmtcp"), done.images());
    awaitStatus(CoordinatorReply.Status::running);
    assertEquals(1, status().generation());
  }

  @Test
  void refusesASecondCheckpointMeanwhileAndDefersALaunch() throws Exception {
    start("");
    register("p1");
    coordinator.tell(new CoordinatorRequest.Checkpoint(false, false, client.ref()));
    client.expectMessage(new CoordinatorReply.CheckpointStarted(1));
    NodeCommand.BeginRound begin = expectRound();
    assertEquals("prepare", status().phase());
    assertFalse(status().running());
    coordinator.tell(new CoordinatorRequest.Checkpoint(true, false, client.ref()));
    assertRefused("not-running");
    TestProbe<CoordinatorReply> launch = kit.createTestProbe();
    coordinator.tell(
        new CoordinatorRequest.Register(
            process("a", "p2"), CoordinatorRequest.UNCHANGED, launch.ref()));
    launch.expectNoMessage();
    passRound(begin);

    launch.expectMessageClass(CoordinatorReply.Registered.class);
    awaitStatus(s -> s.peers() == 2 && s.running());
  }

  @Test
  void saysWhyACheckpointFailedAndGoesOn() throws Exception {
    start("");
    register("p1");
    coordinator.tell(new CoordinatorRequest.Checkpoint(true, false, client.ref()));
    NodeCommand.BeginRound begin = expectRound();
    Failure why = new Failure("disk-full", "the disk is full");
    begin.replyTo().tell(
        new NodeEvent.PhaseFailed("a", begin.plan().roundId(), Phase.PREPARE, why));
    node.expectMessageClass(NodeCommand.AbortRound.class);
    begin.replyTo().tell(new NodeEvent.RoundAborted("a", begin.plan().roundId()));

    client.expectMessage(new CoordinatorReply.Refused(why));
    awaitStatus(CoordinatorReply.Status::running);
    assertEquals(why.toString(), status().lastFailure());
    coordinator.tell(new CoordinatorRequest.Checkpoint(true, false, client.ref()));
    assertEquals(2, expectRound().plan().generation(), "a number is never used twice");
  }

  private void failRound(Failure why) {
    NodeCommand.BeginRound begin = expectRound();
    begin.replyTo().tell(
        new NodeEvent.PhaseFailed("a", begin.plan().roundId(), Phase.PREPARE, why));
    node.expectMessageClass(NodeCommand.AbortRound.class);
    begin.replyTo().tell(new NodeEvent.RoundAborted("a", begin.plan().roundId()));
    awaitStatus(s -> s.lastFailure().equals(why.toString()));
  }

  private static final Failure PASSING = new Failure("socket-not-accepted", "a client waits");

  @Test
  void triesAgainAfterWhatPassesByItself() throws Exception {
    start("round.retries = 2, round.retry-delay = 20 ms");
    register("p1");
    coordinator.tell(new CoordinatorRequest.Checkpoint(true, false, client.ref()));
    for (int i = 0; i < 2; i++) {
      failRound(PASSING);
      client.expectNoMessage();
      assertFalse(status().running());
      time.timePasses(Duration.ofMillis(20));
    }
    passRound();

    assertEquals(
        3, client.expectMessageClass(CoordinatorReply.CheckpointDone.class).generation());
  }

  @Test
  void saysWhatDoesNotPassByItself() throws Exception {
    start("round.retries = 1, round.retry-delay = 20 ms");
    register("p1");
    coordinator.tell(new CoordinatorRequest.Checkpoint(true, false, client.ref()));
    failRound(PASSING);
    time.timePasses(Duration.ofMillis(20));
    failRound(PASSING);

    client.expectMessage(new CoordinatorReply.Refused(PASSING));
    awaitStatus(CoordinatorReply.Status::running);
  }

  @Test
  void killsBetweenTwoAttempts() throws Exception {
    start("round.retries = 1, round.retry-delay = 20 ms");
    register("p1");
    coordinator.tell(new CoordinatorRequest.Checkpoint(true, false, client.ref()));
    failRound(PASSING);
    client.expectNoMessage();
    TestProbe<CoordinatorReply> killer = kit.createTestProbe();
    coordinator.tell(new CoordinatorRequest.Kill(killer.ref()));

    assertRefused("round-cancelled");
    node.expectMessageClass(NodeCommand.KillProcesses.class);
  }

  @Test
  void checkpointsByItselfAtEveryInterval() throws Exception {
    start("coordinator.interval = 10 s");
    register("p1");
    for (int i = 1; i <= 2; i++) {
      time.timePasses(Duration.ofSeconds(10));
      passRound();
      int generation = i;
      awaitStatus(s -> s.generation() == generation && s.running());
    }
    coordinator.tell(new CoordinatorRequest.SetInterval(Duration.ZERO, client.ref()));
    client.expectMessage(new CoordinatorReply.IntervalChanged(Duration.ZERO));
    time.expectNoMessageFor(Duration.ofSeconds(30), node);
  }

  @Test
  void anIntervalIsForgottenWithTheComputationItWasGivenFor() throws Exception {
    start("coordinator.interval = 40 s");
    coordinator.tell(
        new CoordinatorRequest.Register(process("a", "p1"), Duration.ofSeconds(10), client.ref()));
    client.expectMessageClass(CoordinatorReply.Registered.class);
    assertEquals(Duration.ofSeconds(10), status().interval());
    changed();
    register("p2");
    assertEquals(Duration.ofSeconds(40), status().interval());
    coordinator.tell(new CoordinatorRequest.SetInterval(Duration.ofSeconds(20), client.ref()));
    client.expectMessage(new CoordinatorReply.IntervalChanged(Duration.ofSeconds(20)));
    changed();
    register("p3");

    assertEquals(Duration.ofSeconds(20), status().interval(), "the coordinator's own was changed");
  }

  @Test
  void killDuringACheckpointCancelsItFirst() throws Exception {
    start("");
    register("p1");
    coordinator.tell(new CoordinatorRequest.Checkpoint(true, false, client.ref()));
    NodeCommand.BeginRound begin = expectRound();
    coordinator.tell(new CoordinatorRequest.Kill(client.ref()));
    client.expectMessage(new CoordinatorReply.Accepted(1));
    node.expectMessageClass(NodeCommand.AbortRound.class);
    begin.replyTo().tell(new NodeEvent.RoundAborted("a", begin.plan().roundId()));

    assertRefused("round-cancelled");
    node.expectMessageClass(NodeCommand.KillProcesses.class);
  }

  @Test
  void quitDuringACheckpointCancelsItFirst() throws Exception {
    start("");
    register("p1");
    coordinator.tell(new CoordinatorRequest.Checkpoint(false, false, client.ref()));
    client.expectMessageClass(CoordinatorReply.CheckpointStarted.class);
    NodeCommand.BeginRound begin = expectRound();
    coordinator.tell(new CoordinatorRequest.Quit(client.ref()));
    client.expectMessageClass(CoordinatorReply.Accepted.class);
    node.expectMessageClass(NodeCommand.AbortRound.class);
    begin.replyTo().tell(new NodeEvent.RoundAborted("a", begin.plan().roundId()));

    assertTrue(node.expectMessageClass(NodeCommand.Leave.class).kill());
    node.stop();
    assertEquals(ExitCode.DONE, end().code());
  }

  @Test
  void theLastWordsOfARoundDoNotEndTheNext() throws Exception {
    start("");
    register("p1");
    coordinator.tell(new CoordinatorRequest.Checkpoint(true, false, client.ref()));
    NodeCommand.BeginRound first = expectRound();
    passRound(first);
    client.expectMessageClass(CoordinatorReply.CheckpointDone.class);
    coordinator.tell(new CoordinatorRequest.Checkpoint(true, false, client.ref()));
    NodeCommand.BeginRound second = expectRound();
    String firstId = first.plan().roundId();
    Failure late = new Failure("internal", "late");
    actor.tell(new Coordinator.RoundStopped(firstId));
    actor.tell(new Coordinator.RoundEnded(
        new CheckpointRound.Aborted(firstId, Phase.RESUME, 1, late)));
    actor.tell(new Coordinator.RoundEnded(committed(first)));
    actor.tell(new Coordinator.RoundProgressed(
        new CheckpointRound.Progressed(firstId, Phase.RESUME)));

    assertEquals("prepare", status().phase());
    assertEquals("prepare", status().phase(), "nor after what it has told itself meanwhile");
    passRound(second);
    assertEquals(
        2, client.expectMessageClass(CoordinatorReply.CheckpointDone.class).generation());
    assertEquals("", status().lastFailure());
  }

  @Test
  void thereIsNoCheckpointWithoutALostHostUntilItIsBack() throws Exception {
    start("");
    register("p1");
    tellTogether(); // loses host b with a process
    coordinator.tell(new CoordinatorRequest.Checkpoint(true, false, client.ref()));
    assertRefused("host-missing");

    TestProbe<NodeCommand> back = kit.createTestProbe();
    coordinator.tell(new NodeEvent.NodeJoined("b", "p1", 0, List.of(), agent("b", back)));
    coordinator.tell(new CoordinatorRequest.Checkpoint(true, false, client.ref()));
    passRound();
    client.expectMessageClass(CoordinatorReply.CheckpointDone.class);
  }

  @Test
  void thereIsOneWithoutALostHostWhenForced() throws Exception {
    start("");
    register("p1");
    tellTogether();
    goOnWithoutTheLost();
    coordinator.tell(new CoordinatorRequest.Checkpoint(true, false, client.ref()));
    passRound();
    client.expectMessageClass(CoordinatorReply.CheckpointDone.class);
  }

  private void goOnWithoutTheLost() {
    coordinator.tell(new CoordinatorRequest.Force(client.ref()));
    client.expectMessage(new CoordinatorReply.Accepted(1));
  }

  @Test
  void theNewsOfARoundsEndDoesNotOvertakeItsOutcome() throws Exception {
    start("");
    register("p1");
    coordinator.tell(new CoordinatorRequest.Checkpoint(true, false, client.ref()));
    NodeCommand.BeginRound first = expectRound();
    tellTogether(
        new Coordinator.RoundStopped(first.plan().roundId()),
        new Coordinator.RoundEnded(committed(first)));
    assertEquals(
        1, client.expectMessageClass(CoordinatorReply.CheckpointDone.class).generation());

    goOnWithoutTheLost(); // that host was part of the trick
    // The first one runs still: what it says at last is a second outcome.
    coordinator.tell(new CoordinatorRequest.Checkpoint(true, false, client.ref()));
    NodeCommand.BeginRound second = expectRound();
    first.replyTo().tell(new NodeEvent.PhaseFailed("a", first.plan().roundId(), Phase.PREPARE,
        new Failure("disk-full", "the disk is full")));
    node.expectMessageClass(NodeCommand.AbortRound.class);
    first.replyTo().tell(new NodeEvent.RoundAborted("a", first.plan().roundId()));
    passRound(second);
    assertEquals(
        2, client.expectMessageClass(CoordinatorReply.CheckpointDone.class).generation());
    assertEquals("", status().lastFailure());
  }

  /** A host that has ended its part hears the order again and tells the coordinator itself. */
  @Test
  void theLastWordsOfAHostMayBeLost() throws Exception {
    start("");
    register("p1");
    coordinator.tell(new CoordinatorRequest.Checkpoint(true, true, client.ref()));
    NodeCommand.BeginRound begin = expectRound();
    String roundId = begin.plan().roundId();
    passUntilCommit(begin);
    coordinator.tell(new NodeEvent.RoundCommitted("a", roundId));
    assertEquals(
        Phase.RESUME, node.expectMessageClass(NodeCommand.EnterPhase.class).phase());
    coordinator.tell(new NodeEvent.PhaseFailed("a", roundId, Phase.RESUME,
        new Failure("round-unknown", "round " + roundId + " is unknown on a")));

    assertEquals(
        "", client.expectMessageClass(CoordinatorReply.CheckpointDone.class).warning());
  }

  @Test
  void saysThatARoundHasGoneWithoutAnOutcome() throws Exception {
    start("");
    register("p1");
    coordinator.tell(new CoordinatorRequest.Checkpoint(true, false, client.ref()));
    actor.tell(new Coordinator.RoundStopped(expectRound().plan().roundId()));

    assertRefused("internal");
    awaitStatus(CoordinatorReply.Status::running);
  }
}
