package org.dmtcp.akka.coordinator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.testkit.typed.javadsl.ManualTime;
import akka.actor.testkit.typed.javadsl.TestProbe;
import akka.actor.typed.ActorRef;
import com.typesafe.config.ConfigFactory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.dmtcp.akka.coordinator.CheckpointRound.Aborted;
import org.dmtcp.akka.coordinator.CheckpointRound.Cancel;
import org.dmtcp.akka.coordinator.CheckpointRound.Committed;
import org.dmtcp.akka.protocol.Failure;
import org.dmtcp.akka.protocol.ImageInfo;
import org.dmtcp.akka.protocol.NodeCommand;
import org.dmtcp.akka.protocol.NodeEvent;
import org.dmtcp.akka.protocol.Phase;
import org.dmtcp.akka.protocol.TcpEndpoint;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class CheckpointRoundTest {
  private static final Duration LIMIT = Duration.ofSeconds(10);
  private static final List<String> NODES = List.of("a", "b");

  @TempDir Path dir;
  private final ActorTestKit kit =
      ActorTestKit.create(ManualTime.config().withFallback(ConfigFactory.load()));
  private final ManualTime time = ManualTime.get(kit.system());
  private final TestProbe<CheckpointRound.Outcome> outcome = kit.createTestProbe();
  private final TestProbe<CheckpointRound.Progressed> progress = kit.createTestProbe();
  private final Map<String, TestProbe<NodeCommand>> agents = new LinkedHashMap<>();
  private final Map<String, ActorRef<NodeCommand>> refs = new LinkedHashMap<>();
  private Set<String> known = Set.of();
  private boolean copyOnWrite;
  private Duration again = LIMIT.multipliedBy(2); // not within a phase
  private ActorRef<CheckpointRound.Command> round;
  private ActorRef<NodeEvent> reports;

  @BeforeEach
  void makeAgents() {
    for (String node : NODES) {
      TestProbe<NodeCommand> probe = kit.createTestProbe();
      agents.put(node, probe);
      refs.put(node, probe.ref());
    }
  }

  @AfterEach
  void shutDown() {
    kit.shutdownTestKit();
  }

  // ---- the ways to an end

  @Test
  void commitsWhenAllNodesReachAllPhases() throws IOException {
    start(false);
    reachAll(plan(false));
    settle();

    Committed done = outcome.expectMessageClass(Committed.class);
    assertEquals(1, done.manifest().generation());
    assertEquals(2, done.manifest().images().size());
    assertEquals(700, done.stoppedMicros());
    assertEquals(List.of(), done.warnings());
    assertTrue(Files.isExecutable(done.script().orElseThrow()));
    assertEquals(done.manifest(), store().read("comp").orElseThrow());
    assertEquals(3, files().size(), "manifest, script and link: " + files());
  }

  @Test
  void tellsTheNodesWhoseEndpointsBelongTogether() {
    start(false);
    reachUntil(Phase.MATCH);
    reports.tell(new NodeEvent.EndpointsFound("a", "round", List.of(
        new TcpEndpoint("1", "n", false, 1, "10.0.0.1", 80, "10.0.0.2", 5000, 0, 0),
        new TcpEndpoint("2", "n", false, 1, "10.0.0.1", 80, "10.0.0.9", 5000, 0, 0))));
    report("a", Phase.MATCH);
    reports.tell(new NodeEvent.EndpointsFound("b", "round", List.of(
        new TcpEndpoint("7", "n", false, 1, "10.0.0.2", 5000, "10.0.0.1", 80, 0, 0))));
    report("b", Phase.MATCH);

    for (String node : NODES) {
      NodeCommand.EndpointsMatched matched =
          agents.get(node).expectMessageClass(NodeCommand.EndpointsMatched.class);
      assertEquals(1, matched.ends().size());
      assertEquals(1, matched.ends().get(0).connection());
    }
    NODES.forEach(node -> {
      NodeCommand.EnterPhase next =
          agents.get(node).expectMessageClass(NodeCommand.EnterPhase.class);
      assertEquals(Phase.DRAIN, next.phase());
      report(node, Phase.DRAIN);
    });
    expectPhase(Phase.SNAPSHOT);
  }

  @Test
  void aTakenOverComputationNeedsAllHostsOfItsLastGeneration() throws IOException {
    start(false);
    reachAll(plan(false));
    settle();
    Committed first = outcome.expectMessageClass(Committed.class);
    known = Set.of("a");
    start(false, false);

    Aborted aborted = outcome.expectMessageClass(Aborted.class);
    assertEquals("host-missing", aborted.failure().errorId());
    assertTrue(aborted.failure().text().endsWith(": b"), aborted.failure().text());
    assertEquals(first.manifest(), store().read("comp").orElseThrow());
  }

  @Test
  void ofTwoCoordinatorsOfOneDirectoryOnlyOneCommits() throws IOException {
    start(false);
    reachUntil(Phase.COMMIT);
    Manifest another =
        new Manifest("comp", 1, "other", 0, "", java.time.Instant.EPOCH, "x", 1, 0, List.of());
    Files.writeString(dir.resolve(Manifest.fileName("comp")), another.toJson());
    NODES.forEach(node -> report(node, Phase.COMMIT));
    expectAbort();

    assertEquals(Phase.COMMIT, outcome.expectMessageClass(Aborted.class).at());
    assertEquals("other", store().read("comp").orElseThrow().manifestId());
  }

  @Test
  void keepsAllFrozenUntilTheCommitWhenItKills() {
    start(true);
    reachAll(plan(true));
    assertFalse(outcomeIsThere());
    settle();
    expectPhase(Phase.RESUME);
    NODES.forEach(node -> report(node, Phase.RESUME));

    assertEquals(1, outcome.expectMessageClass(Committed.class).manifest().generation());
  }

  @Test
  void countsOnFromThePreviousManifest() {
    start(false);
    reachAll(plan(false));
    settle();
    String first = outcome.expectMessageClass(Committed.class).manifest().manifestId();
    start(false);
    reachAll(plan(false));
    settle();

    Manifest second = outcome.expectMessageClass(Committed.class).manifest();
    assertEquals(2, second.generation());
    assertEquals(1, second.previousGeneration());
    assertEquals(first, second.previousManifestId());
  }

  // ---- late, doubled and missing answers

  @ParameterizedTest
  @EnumSource
  void abortsWhenOneNodeStaysSilent(Phase silent) {
    start(false);
    reachUntil(silent);
    report("a", silent); // b stays silent

    time.timePasses(LIMIT);
    expectAbort();
    Aborted aborted = outcome.expectMessageClass(Aborted.class);
    assertEquals(silent, aborted.at());
    assertEquals("phase-timeout", aborted.failure().errorId());
    assertTrue(aborted.failure().text().endsWith("from b"), aborted.failure().text());
    assertNothingIsLeft();
  }

  @ParameterizedTest
  @EnumSource
  void whatMayHaveBeenLostIsSaidAgainToThoseWhoAreSilent(Phase lost) {
    again = LIMIT.dividedBy(4);
    start(false);
    reachUntil(lost);
    report("a", lost);
    time.timePasses(again);
    expectOrder("b", lost);
    time.timePasses(again);
    expectOrder("b", lost);
    agents.get("a").expectNoMessage();
    report("b", lost);

    assertFalse(agents.get("a").receiveMessage() instanceof NodeCommand.AbortRound);
  }

  private void expectOrder(String node, Phase phase) {
    NodeCommand order = agents.get(node).receiveMessage();
    assertEquals(phase, order instanceof NodeCommand.BeginRound ? Phase.PREPARE
        : order instanceof NodeCommand.StageManifest ? Phase.COMMIT
            : ((NodeCommand.EnterPhase) order).phase());
  }

  @ParameterizedTest
  @EnumSource
  void aReportThatComesTwiceCountsOnce(Phase doubled) {
    start(false);
    reachUntil(doubled);
    report("a", doubled);
    report("a", doubled);
    assertFalse(outcomeIsThere());
    report("b", doubled);
    report("b", doubled);
    reachFrom(doubled);
    settle();

    assertEquals(2, outcome.expectMessageClass(Committed.class).manifest().images().size());
  }

  @Test
  void ignoresReportsOfAnEarlierPhaseAndOfAnotherRound() {
    start(false);
    reachUntil(Phase.DRAIN);
    report("b", Phase.FREEZE);
    NODES.forEach(
        node -> reports.tell(
            new NodeEvent.PhaseReached(node, "old", Phase.DRAIN, 0, 0, List.of())));
    NODES.forEach(
        node -> reports.tell(
            new NodeEvent.PhaseFailed(node, "old", Phase.DRAIN, new Failure("internal", "old"))));
    agents.values().forEach(TestProbe::expectNoMessage);

    NODES.forEach(node -> report(node, Phase.DRAIN));
    reachFrom(Phase.DRAIN);
    settle();
    outcome.expectMessageClass(Committed.class);
  }

  @ParameterizedTest
  @EnumSource
  void abortsWithTheReasonOfTheNodeThatFailed(Phase failing) {
    start(false);
    reachUntil(failing);
    Failure why = new Failure("disk-full", "the disk of b is full");
    reports.tell(new NodeEvent.PhaseFailed("b", "round", failing, why));

    expectAbort();
    Aborted aborted = outcome.expectMessageClass(Aborted.class);
    assertEquals(new Aborted("round", failing, 1, why), aborted);
    assertNothingIsLeft();
  }

  @ParameterizedTest
  @EnumSource
  void abortsWhenANodeIsLost(Phase phase) {
    start(false);
    reachUntil(phase);
    agents.get("b").stop();

    agents.get("a").expectMessageClass(NodeCommand.AbortRound.class);
    reports.tell(new NodeEvent.RoundAborted("a", "round"));
    Aborted aborted = outcome.expectMessageClass(Aborted.class);
    assertEquals(phase, aborted.at());
    assertEquals("node-lost", aborted.failure().errorId());
    assertNothingIsLeft();
  }

  @ParameterizedTest
  @EnumSource
  void canBeCancelled(Phase phase) {
    start(false);
    reachUntil(phase);
    Failure why = new Failure("round-cancelled", "killed on request");
    round.tell(new Cancel(why));

    expectAbort();
    assertEquals(new Aborted("round", phase, 1, why), outcome.expectMessageClass(Aborted.class));
    assertNothingIsLeft();
  }

  @Test
  void saysWhoDidNotAnswerTheAbort() {
    start(false);
    reachUntil(Phase.SNAPSHOT);
    round.tell(new Cancel(new Failure("round-cancelled", "off")));
    agents.values().forEach(agent -> agent.expectMessageClass(NodeCommand.AbortRound.class));
    reports.tell(new NodeEvent.RoundAborted("a", "round"));
    reports.tell(new NodeEvent.RoundAborted("a", "round"));

    waitForTimer();
    time.timePasses(LIMIT);
    String text = outcome.expectMessageClass(Aborted.class).failure().text();
    assertTrue(text.endsWith("from b"), text);
  }

  @Test
  void saysTheAbortAgainToWhoDoesNotAnswer() {
    start(false);
    reachUntil(Phase.SNAPSHOT);
    round.tell(new Cancel(new Failure("round-cancelled", "off")));
    agents.values().forEach(agent -> agent.expectMessageClass(NodeCommand.AbortRound.class));
    reports.tell(new NodeEvent.RoundAborted("b", "round"));
    waitForTimer();
    time.timePasses(LIMIT.dividedBy(2));
    agents.get("a").expectMessageClass(NodeCommand.AbortRound.class);
    agents.get("b").expectNoMessage();

    reports.tell(new NodeEvent.RoundAborted("a", "round"));
    assertEquals("off", outcome.expectMessageClass(Aborted.class).failure().text());
  }

  @Test
  void refusesFewerImagesThanProcesses() {
    start(false);
    reachUntil(Phase.WRITE);
    report("a", Phase.WRITE);
    reports.tell(new NodeEvent.PhaseReached("b", "round", Phase.WRITE, 0, 0, List.of()));

    expectAbort();
    assertEquals("internal", outcome.expectMessageClass(Aborted.class).failure().errorId());
  }

  @Test
  void removesNothingThatItHasNotStaged() throws IOException {
    start(false);
    reachUntil(Phase.FREEZE);
    Path others = dir.resolve("dmtcp_manifest_comp.json.coordinator.temp");
    Files.writeString(others, "of the next round");
    round.tell(new Cancel(new Failure("round-cancelled", "the test")));

    expectAbort();
    outcome.expectMessageClass(Aborted.class);
    assertTrue(Files.exists(others));
  }

  // ---- the commit

  @Test
  void isCommittedAlthoughANodeIsLostAfterwards() throws IOException {
    start(false);
    reachAll(plan(false));
    agents.values().forEach(agent -> agent.expectMessageClass(NodeCommand.CommitRound.class));
    agents.get("b").stop();
    reports.tell(new NodeEvent.RoundCommitted("a", "round"));

    Committed done = outcome.expectMessageClass(Committed.class);
    assertEquals(1, done.warnings().size());
    assertEquals(1, store().read("comp").orElseThrow().generation());
  }

  @Test
  void warnsWhenANodeDoesNotSayThatItRenamed() {
    start(false);
    reachAll(plan(false));
    agents.values().forEach(agent -> agent.expectMessageClass(NodeCommand.CommitRound.class));
    round.tell(new Cancel(new Failure("round-cancelled", "too late")));
    reports.tell(new NodeEvent.RoundCommitted("b", "round"));
    waitForTimer();
    time.timePasses(LIMIT);

    assertTrue(outcome.expectMessageClass(Committed.class).warnings().get(0).endsWith("on a"));
  }

  @Test
  void saysWhyANodeCouldNotRename() {
    start(false);
    reachAll(plan(false));
    agents.values().forEach(agent -> agent.expectMessageClass(NodeCommand.CommitRound.class));
    for (String text : List.of("first", "last")) {
      reports.tell(new NodeEvent.PhaseFailed("a", "round", Phase.COMMIT,
          new Failure("image-unwritable", text)));
    }
    waitForTimer();
    time.timePasses(LIMIT);

    List<String> warnings = outcome.expectMessageClass(Committed.class).warnings();
    assertEquals("a: the images have no names yet: last [image-unwritable]", warnings.get(0));
    assertTrue(warnings.get(1).endsWith("on b"), warnings.toString());
    assertEquals(2, warnings.size());
  }

  @Test
  void saysTheCommitAgainToWhoDoesNotAnswer() {
    start(false);
    reachAll(plan(false));
    agents.values().forEach(agent -> agent.expectMessageClass(NodeCommand.CommitRound.class));
    reports.tell(new NodeEvent.RoundCommitted("b", "round"));
    waitForTimer();
    time.timePasses(LIMIT.dividedBy(2));
    agents.get("a").expectMessageClass(NodeCommand.CommitRound.class);
    agents.get("b").expectNoMessage();

    reports.tell(new NodeEvent.RoundCommitted("a", "round"));
    assertEquals(List.of(), outcome.expectMessageClass(Committed.class).warnings());
  }

  @Test
  void saysTheEndAgainToWhoDoesNotAnswer() {
    start(true);
    reachAll(plan(true));
    settle();
    expectPhase(Phase.RESUME);
    report("b", Phase.RESUME);
    waitForTimer();
    time.timePasses(LIMIT.dividedBy(2));
    NodeCommand.EnterPhase again =
        agents.get("a").expectMessageClass(NodeCommand.EnterPhase.class);
    assertEquals(Phase.RESUME, again.phase());
    agents.get("b").expectNoMessage();
    report("a", Phase.RESUME);

    assertEquals(List.of(), outcome.expectMessageClass(Committed.class).warnings());
  }

  @Test
  void abortsBeforeAnythingIsStoppedWhenTheDirectoryIsMissing() throws IOException {
    Files.delete(dir);
    start(false, false);

    Aborted aborted = outcome.expectMessageClass(Aborted.class);
    assertEquals("image-unwritable", aborted.failure().errorId());
    agents.values().forEach(TestProbe::expectNoMessage);
  }

  @Test
  void abortsWhenTheManifestCannotBeRenamed() throws IOException {
    start(false);
    reachUntil(Phase.COMMIT);
    Files.createDirectories(dir.resolve(Manifest.fileName("comp")).resolve("in-the-way"));
    NODES.forEach(node -> report(node, Phase.COMMIT));

    expectAbort();
    assertEquals(Phase.COMMIT, outcome.expectMessageClass(Aborted.class).at());
  }

  // ---- one node alone

  /** @param helpers processes with plugins */
  private void prepareAlone(boolean kill, int helpers) {
    agents.remove("b");
    refs.remove("b");
    copyOnWrite = true;
    start(kill);
    reports.tell(new NodeEvent.PhaseReached("a", "round", Phase.PREPARE, helpers, 0, List.of()));
  }

  @Test
  void oneNodeAloneGoesFromTheFreezeToTheResumeByItself() {
    prepareAlone(false, 0);
    NodeCommand.EnterStop stop = agents.get("a").expectMessageClass(NodeCommand.EnterStop.class);
    assertTrue(stop.limit().compareTo(LIMIT.multipliedBy(4)) > 0, stop.toString());
    report("a", Phase.RESUME);
    NodeCommand.EnterPhase write =
        agents.get("a").expectMessageClass(NodeCommand.EnterPhase.class);
    assertEquals(Phase.WRITE, write.phase());
    assertEquals(1, write.totalMembers());
    report("a", Phase.WRITE);
    agents.get("a").expectMessageClass(NodeCommand.StageManifest.class);
    report("a", Phase.COMMIT);
    settle();

    assertEquals(700, outcome.expectMessageClass(Committed.class).stoppedMicros());
  }

  @Test
  void oneNodeThatHasOnlyFrozenGoesOnPhaseByPhase() {
    prepareAlone(false, 0);
    agents.get("a").expectMessageClass(NodeCommand.EnterStop.class);
    report("a", Phase.FREEZE);

    assertEquals(Phase.DRAIN,
        agents.get("a").expectMessageClass(NodeCommand.EnterPhase.class).phase());
  }

  @Test
  void namesThePhaseThatOneNodeAloneHasFailedIn() {
    prepareAlone(false, 0);
    agents.get("a").expectMessageClass(NodeCommand.EnterStop.class);
    reports.tell(new NodeEvent.PhaseFailed("a", "round", Phase.SNAPSHOT,
        new Failure("disk-full", "why")));
    expectAbort();

    assertEquals(Phase.SNAPSHOT, outcome.expectMessageClass(Aborted.class).at());
    assertNothingIsLeft();
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aRoundThatKillsOrHasPluginsGoesPhaseByPhase(boolean kill) {
    prepareAlone(kill, kill ? 0 : 1);

    assertEquals(Phase.FREEZE,
        agents.get("a").expectMessageClass(NodeCommand.EnterPhase.class).phase());
  }

  // ---- what the tests do

  private void start(boolean kill) {
    start(kill, true);
  }

  private void start(boolean kill, boolean awaitBegin) {
    Map<Phase, Duration> limits = new EnumMap<>(Phase.class);
    for (Phase phase : Phase.values()) {
      limits.put(phase, LIMIT);
    }
    round =
        kit.spawn(
            CheckpointRound.create(
                new CheckpointRound.Start(
                    "round", "comp", 0, kill, copyOnWrite, "a", 7779, Duration.ZERO, known),
                refs,
                new RoundLimits(limits, LIMIT, LIMIT, 0, LIMIT, again, ""),
                store(),
                new RestartScript("/bin/dmtcp_restart"),
                progress.ref(),
                outcome.ref()));
    if (awaitBegin) {
      for (TestProbe<NodeCommand> agent : agents.values()) {
        reports = agent.expectMessageClass(NodeCommand.BeginRound.class).replyTo();
      }
    }
  }

  private GenerationStore store() {
    return new GenerationStore(dir);
  }

  private static List<Phase> plan(boolean kill) {
    return new org.dmtcp.akka.protocol.RoundPlan("r", "c", 1, "m", kill, false).phases();
  }

  private void reachAll(List<Phase> phases) {
    for (Phase phase : phases) {
      if (phase == Phase.RESUME && phases.indexOf(phase) == phases.size() - 1) {
        return;
      }
      expectPhase(phase);
      NODES.forEach(node -> report(node, phase));
    }
  }

  /** Everything before; the command of {@code phase} itself has been received. */
  private void reachUntil(Phase phase) {
    for (Phase p : plan(false)) {
      expectPhase(p);
      if (p == phase) {
        return;
      }
      NODES.forEach(node -> report(node, p));
    }
  }

  private void reachFrom(Phase phase) {
    List<Phase> phases = plan(false);
    reachAll(phases.subList(phases.indexOf(phase) + 1, phases.size()));
  }

  private void expectPhase(Phase phase) {
    for (TestProbe<NodeCommand> agent : agents.values()) {
      if (phase == Phase.COMMIT) {
        agent.expectMessageClass(NodeCommand.StageManifest.class);
      } else if (phase != Phase.PREPARE) {
        NodeCommand.EnterPhase enter = agent.expectMessageClass(NodeCommand.EnterPhase.class);
        assertEquals(phase, enter.phase());
        assertEquals(phase == Phase.FREEZE ? 0 : 2, enter.totalMembers());
      }
    }
  }

  private void report(String node, Phase phase) {
    ImageInfo image =
        new ImageInfo(node, "/x/ckpt_" + node + ".dmtcp", "upid-" + node, 7, 0, "prog", false, 1, 1,
            "00");
    reports.tell(
        new NodeEvent.PhaseReached(
            node,
            "round",
            phase,
            1, // process, which has plugins
            phase == Phase.RESUME ? 700 : 0,
            phase == Phase.WRITE ? List.of(image) : List.of()));
  }

  private void settle() {
    for (TestProbe<NodeCommand> agent : agents.values()) {
      agent.expectMessageClass(NodeCommand.CommitRound.class);
    }
    NODES.forEach(node -> reports.tell(new NodeEvent.RoundCommitted(node, "round")));
  }

  private void expectAbort() {
    for (TestProbe<NodeCommand> agent : agents.values()) {
      agent.expectMessageClass(NodeCommand.AbortRound.class);
    }
    NODES.forEach(node -> reports.tell(new NodeEvent.RoundAborted(node, "round")));
  }

  private boolean outcomeIsThere() {
    try {
      outcome.expectNoMessage(Duration.ofMillis(1));
      return false;
    } catch (AssertionError e) {
      return true;
    }
  }

  /** A message that the round has dealt with: its timer is the one of its present state. */
  private void waitForTimer() {
    time.expectNoMessageFor(Duration.ofMillis(100), outcome);
  }

  private List<String> files() {
    try (Stream<Path> all = Files.list(dir)) {
      return all.map(p -> p.getFileName().toString()).sorted().toList();
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  private void assertNothingIsLeft() {
    assertEquals(List.of(), files());
  }
}
