package org.dmtcp.akka.coordinator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.testkit.typed.javadsl.ManualTime;
import akka.actor.testkit.typed.javadsl.TestProbe;
import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.javadsl.Behaviors;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;
import org.dmtcp.akka.config.ExitCode;
import org.dmtcp.akka.protocol.AgentId;
import org.dmtcp.akka.protocol.CoordinatorMessage;
import org.dmtcp.akka.protocol.CoordinatorReply;
import org.dmtcp.akka.protocol.CoordinatorRequest;
import org.dmtcp.akka.protocol.Failure;
import org.dmtcp.akka.protocol.ImageInfo;
import org.dmtcp.akka.protocol.NodeCommand;
import org.dmtcp.akka.protocol.NodeEvent;
import org.dmtcp.akka.protocol.Phase;
import org.dmtcp.akka.protocol.ProcessInfo;
import org.dmtcp.akka.protocol.RestartMember;
import org.dmtcp.akka.protocol.RoundPlan;
import org.dmtcp.akka.protocol.WorkerState;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class CoordinatorTest {
  @TempDir Path dir;
  private final ActorTestKit kit =
      ActorTestKit.create(ManualTime.config().withFallback(ConfigFactory.load()));
  private final ManualTime time = ManualTime.get(kit.system());
  private final TestProbe<CoordinatorReply> client = kit.createTestProbe();
  private final TestProbe<NodeCommand> node = kit.createTestProbe();
  private final CompletableFuture<ActorRef<CoordinatorMessage>> ready = new CompletableFuture<>();
  private final CompletableFuture<Coordinator.Ending> ending = new CompletableFuture<>();
  private final ConcurrentLinkedQueue<String> notes = new ConcurrentLinkedQueue<>();
  private final ReentrantLock noting = new ReentrantLock();
  private ActorRef<Coordinator.Command> actor;
  private ActorRef<CoordinatorMessage> coordinator;

  @AfterEach
  void shutDown() {
    kit.shutdownTestKit();
  }

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
        new NodeEvent.NodeJoined("b", "comp", 4, List.of(process("b", "p9")), other.ref()));

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
    coordinator.tell(new NodeEvent.NodeJoined("b", "comp", 4, List.of(), other.ref()));

    assertFalse(other.expectMessageClass(NodeCommand.Leave.class).kill());
  }

  @Test
  void takesANodeOfAnotherComputationWhenItsOwnIsOver() throws Exception {
    start("");
    register("p1");
    changed();
    TestProbe<NodeCommand> other = kit.createTestProbe();
    coordinator.tell(
        new NodeEvent.NodeJoined("b", "comp", 4, List.of(process("b", "p9")), other.ref()));

    assertEquals(new NodeCommand.Welcome("comp", 4), other.receiveMessage());
    assertEquals("comp", status().computationId());
  }

  @Test
  void forgetsTheProcessesOfALostNode() throws Exception {
    start("");
    TestProbe<NodeCommand> other = kit.createTestProbe();
    coordinator.tell(
        new NodeEvent.NodeJoined("b", "comp", 4, List.of(process("b", "p9")), other.ref()));
    other.receiveMessage();
    other.stop();

    awaitStatus(s -> s.peers() == 0);
    assertTrue(notes.stream().anyMatch(n -> n.contains("Host b with 1 process(es) was lost")));
  }

  // ---- checkpoints

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

  @Test
  void saysThatARoundHasGoneWithoutAnOutcome() throws Exception {
    start("");
    register("p1");
    coordinator.tell(new CoordinatorRequest.Checkpoint(true, false, client.ref()));
    actor.tell(new Coordinator.RoundStopped(expectRound().plan().roundId()));

    assertRefused("internal");
    awaitStatus(CoordinatorReply.Status::running);
  }

  // ---- restart

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

  // ---- what the tests do

  /** With node {@code a}, played by the probe. */
  private void start(String more) throws Exception {
    spawn(
        more,
        reference -> {
          reference.tell(new NodeEvent.NodeJoined("a", "", 0, List.of(), node.ref()));
          return Behaviors.ignore();
        });
    coordinator = ready.get(10, TimeUnit.SECONDS);
    assertEquals(new NodeCommand.Welcome("", 0), node.receiveMessage());
  }

  private void spawn(
      String more, Function<ActorRef<CoordinatorMessage>, Behavior<NodeCommand>> ownNode) {
    Config config =
        ConfigFactory.parseString(more).withFallback(ConfigFactory.load().getConfig("dmtcp"));
    config =
        ConfigFactory.parseMap(Map.of("coordinator.ckptdir", dir.toString()))
            .withFallback(config)
            .resolve();
    actor =
        kit.spawn(
            Coordinator.create(new CoordinatorParts(
                CoordinatorSettings.of(config, "a", "127.0.0.1", 7779),
                new RestartScript("/bin/dmtcp_restart"),
                this::note,
                ownNode::apply,
                ready,
                ending)));
  }

  private void note(String text) {
    notes.add(text);
    noting.lock(); // the coordinator waits here while a test holds it
    noting.unlock();
  }

  /** In this order, and the first is not handled before the last has come. */
  private void tellTogether(Coordinator.Command... commands) {
    TestProbe<NodeCommand> other = kit.createTestProbe();
    noting.lock();
    try {
      coordinator.tell(
          new NodeEvent.NodeJoined("b", "", 0, List.of(process("b", "p9")), other.ref()));
      other.expectMessageClass(NodeCommand.Welcome.class);
      other.stop();
      awaitNote("Host b with 1 process(es) was lost");
      List.of(commands).forEach(actor::tell);
    } finally {
      noting.unlock();
    }
  }

  private static CheckpointRound.Committed committed(NodeCommand.BeginRound begin) {
    RoundPlan plan = begin.plan();
    Manifest manifest =
        new Manifest(
            plan.computationId(), plan.generation(), plan.manifestId(), 0, "", Instant.EPOCH,
            "a", 7779, 0, List.of());
    return new CheckpointRound.Committed(plan.roundId(), manifest, 0, Optional.empty(), List.of());
  }

  private Coordinator.Ending end() throws Exception {
    return ending.get(10, TimeUnit.SECONDS);
  }

  private static ProcessInfo process(String host, String uniquePid) {
    return new ProcessInfo(
        new AgentId(host, 7, 1), uniquePid, 7, 0, "prog", WorkerState.RUNNING);
  }

  private void register(String uniquePid) {
    coordinator.tell(
        new CoordinatorRequest.Register(
            process("a", uniquePid), CoordinatorRequest.UNCHANGED, client.ref()));
    assertEquals(
        uniquePid,
        client.expectMessageClass(CoordinatorReply.Registered.class).uniquePid());
  }

  private void changed(ProcessInfo... processes) {
    coordinator.tell(new NodeEvent.ProcessesChanged("a", List.of(processes)));
  }

  private void begin(String computationId, long generation) {
    coordinator.tell(
        new CoordinatorRequest.BeginRestart(
            "a", computationId, generation, "m", 1,
            List.of(new RestartMember("p1", 7, "prog", "a")),
            CoordinatorRequest.UNCHANGED, client.ref()));
  }

  private CoordinatorReply.Status status() {
    TestProbe<CoordinatorReply> asker = kit.createTestProbe();
    coordinator.tell(new CoordinatorRequest.GetStatus(asker.ref()));
    CoordinatorReply reply = asker.receiveMessage();
    return reply instanceof CoordinatorReply.Status s
        ? s
        : new CoordinatorReply.Status(
            "", "", 0, 0, false, Duration.ZERO, false, false, "", "", 0, "closing", "");
  }

  private void awaitStatus(Function<CoordinatorReply.Status, Boolean> condition) {
    client.awaitAssert(
        Duration.ofSeconds(10),
        () -> {
          assertTrue(condition.apply(status()), () -> status().toString());
          return null;
        });
  }

  private void awaitNote(String part) {
    client.awaitAssert(
        Duration.ofSeconds(10),
        () -> {
          assertTrue(notes.stream().anyMatch(n -> n.contains(part)), notes::toString);
          return null;
        });
  }

  private void assertRefused(String errorId) {
    assertEquals(
        errorId,
        client.expectMessageClass(CoordinatorReply.Refused.class).failure().errorId());
  }

  private NodeCommand.BeginRound expectRound() {
    NodeCommand command = node.receiveMessage();
    while (command instanceof NodeCommand.Welcome) {
      command = node.receiveMessage();
    }
    return (NodeCommand.BeginRound) command;
  }

  private void passRound() {
    passRound(expectRound());
  }

  /** Node {@code a}, with one image, through all phases. */
  private void passRound(NodeCommand.BeginRound begin) {
    String roundId = begin.plan().roundId();
    for (Phase phase : begin.plan().phases()) {
      if (phase == Phase.COMMIT) {
        node.expectMessageClass(NodeCommand.StageManifest.class);
      } else if (phase != Phase.PREPARE) {
        assertEquals(phase, node.expectMessageClass(NodeCommand.EnterPhase.class).phase());
      }
      ImageInfo image =
          new ImageInfo("a", "/x/ckpt_p1.dmtcp", "p1", 7, 0, "prog", false, 1, 1, "00");
      begin.replyTo().tell(
          new NodeEvent.PhaseReached(
              "a", roundId, phase, 1, 0, phase == Phase.WRITE ? List.of(image) : List.of()));
    }
    node.expectMessageClass(NodeCommand.CommitRound.class);
    begin.replyTo().tell(new NodeEvent.RoundCommitted("a", roundId));
  }
}
