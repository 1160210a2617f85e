package org.dmtcp.akka.agent.node;

import static org.dmtcp.akka.agent.node.TestImages.COMPUTATION;
import static org.dmtcp.akka.agent.node.TestImages.manifest;
import static org.dmtcp.akka.agent.node.TestImages.member;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.testkit.typed.javadsl.ManualTime;
import akka.actor.testkit.typed.javadsl.TestProbe;
import akka.actor.typed.ActorRef;
import akka.actor.typed.javadsl.Behaviors;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.typesafe.config.ConfigFactory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.dmtcp.akka.agent.engine.EngineAnswer;
import org.dmtcp.akka.agent.engine.EngineDriver;
import org.dmtcp.akka.agent.engine.EngineFailure;
import org.dmtcp.akka.agent.engine.EngineHelper;
import org.dmtcp.akka.agent.engine.EngineRequest;
import org.dmtcp.akka.protocol.ConnectionEnd;
import org.dmtcp.akka.protocol.Failure;
import org.dmtcp.akka.protocol.ImageInfo;
import org.dmtcp.akka.protocol.NodeCommand;
import org.dmtcp.akka.protocol.NodeEvent;
import org.dmtcp.akka.protocol.Phase;
import org.dmtcp.akka.protocol.RoundPlan;
import org.dmtcp.akka.protocol.TcpEndpoint;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

@Timeout(value = 30, threadMode = ThreadMode.SEPARATE_THREAD)
class NodeRoundTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Duration LIMIT = Duration.ofSeconds(10);
  private static final NodeSettings SETTINGS =
      NodeSettings.of(ConfigFactory.parseString("dmtcp.tree=/nowhere")
          .withFallback(ConfigFactory.load()));

  private final ActorTestKit kit = ActorTestKit.create(ManualTime.config());
  private final ManualTime time = ManualTime.get(kit.system());
  private final TestProbe<EngineDriver.Command> engine =
      kit.createTestProbe(EngineDriver.Command.class);
  /** No process has plugins. */
  private final ActorRef<PluginDesk.Command> plugins = kit.spawn(Behaviors.receiveMessage(m -> {
    if (m instanceof PluginDesk.Raise r && r.event() != PluginDesk.Event.RUNNING) {
      r.replyTo().tell(new PluginDesk.Raised(r.event(), List.of(), null));
    }
    return Behaviors.same();
  }));
  private final TestProbe<NodeRound.Found> names = kit.createTestProbe(NodeRound.Found.class);
  private final TestProbe<NodeEvent> coordinator = kit.createTestProbe(NodeEvent.class);
  private final TestProbe<Void> watcher = kit.createTestProbe();

  @TempDir Path directory;
  private Member a;
  private Member b;
  private RoundPlan plan;
  private ActorRef<NodeRound.Command> round;

  @BeforeEach
  void twoMembers() {
    a = member(1, directory);
    b = member(2, directory);
  }

  @AfterEach
  void shutDown() {
    kit.shutdownTestKit();
  }

  private void begin(boolean killAfter) {
    begin(killAfter, plugins);
  }

  private void begin(boolean killAfter, ActorRef<PluginDesk.Command> desk) {
    plan = new RoundPlan("r", COMPUTATION, 1, "m1", killAfter, false);
    round = kit.spawn(NodeRound.create(new NodeRound.Setting("node", 7779, plan,
        List.of(a.process(), b.process()), List.of(), engine.ref(), desk, names.ref(),
        coordinator.ref(), SETTINGS, new ProcFs(directory)), LIMIT));
  }

  // ---- the engine's and the coordinator's parts

  private EngineDriver.Submit expect(Class<? extends EngineRequest> type) {
    EngineDriver.Submit submit = (EngineDriver.Submit) engine.receiveMessage();
    assertEquals(type, submit.request().getClass());
    return submit;
  }

  private static void answer(EngineDriver.Submit submit, ObjectNode body) {
    submit.replyTo().tell(new EngineAnswer(submit.request(), body, null));
  }

  private static void fail(EngineDriver.Submit submit, String id) {
    submit.replyTo().tell(
        new EngineAnswer(submit.request(), null, new EngineFailure(id, "because of " + id)));
  }

  private void done(Class<? extends EngineRequest> type) {
    answer(expect(type), JSON.createObjectNode());
  }

  private void named() {
    names.receiveMessage().replyTo().tell(new NodeRound.Named(List.of(a, b)));
  }

  private void enter(Phase phase) {
    round.tell(new NodeRound.Enter(new NodeCommand.EnterPhase("r", phase, 2, LIMIT)));
  }

  private NodeEvent.PhaseReached reached(Phase phase) {
    NodeEvent.PhaseReached event =
        coordinator.expectMessageClass(NodeEvent.PhaseReached.class);
    assertEquals(phase, event.phase());
    return event;
  }

  private void prepare() {
    done(EngineRequest.Scan.class);
    named();
    done(EngineRequest.Check.class);
    reached(Phase.PREPARE);
  }

  private void freeze() {
    enter(Phase.FREEZE);
    done(EngineRequest.Freeze.class);
    named();
    assertEquals(2, reached(Phase.FREEZE).members());
  }

  @Test
  void endpointsGoToTheCoordinatorAndItsAnswerToTheEngineBeforeTheDrain() {
    begin(false);
    prepare();
    freeze();
    round.tell(new NodeRound.Enter(new NodeCommand.EnterPhase("r", Phase.MATCH, 5, LIMIT)));
    ObjectNode found = JSON.createObjectNode();
    found.putArray("endpoints").addObject().put("key", "17").put("network", "n")
        .put("waiting", true).put("state", 1).put("localAddress", "10.0.0.1").put("localPort", 80)
        .put("remoteAddress", "10.0.0.2").put("remotePort", 5000).put("unsent", 3)
        .put("unread", 4);
    answer(expect(EngineRequest.Endpoints.class), found);
    assertEquals(
        List.of(new TcpEndpoint("17", "n", true, 1, "10.0.0.1", 80, "10.0.0.2", 5000, 3, 4)),
        coordinator.expectMessageClass(NodeEvent.EndpointsFound.class).endpoints());
    reached(Phase.MATCH);

    ConnectionEnd end = new ConnectionEnd("17", 1, true, "other", 1, 0, 0);
    round.tell(new NodeRound.Matched(List.of(end)));
    enter(Phase.DRAIN);
    EngineDriver.Submit match = expect(EngineRequest.Match.class);
    assertEquals(List.of(end), ((EngineRequest.Match) match.request()).ends());
    answer(match, JSON.createObjectNode());
    done(EngineRequest.Drain.class);
    reached(Phase.DRAIN);
  }

  @Test
  void theOnlyNodeWithMembersHasNothingToMatch() {
    begin(false);
    prepare();
    freeze();
    enter(Phase.MATCH);
    reached(Phase.MATCH);
    drain();
  }

  /** The order was not lost, but what we said. */
  @Test
  void whatIsOrderedAgainIsAnsweredAgainAndNotDoneTwice() throws IOException {
    begin(false);
    prepare();
    round.tell(new NodeRound.BegunAlready());
    reached(Phase.PREPARE);
    freeze();
    enter(Phase.FREEZE);
    assertEquals(2, reached(Phase.FREEZE).members());
    drain();
    enter(Phase.FREEZE); // late: we are past it
    enter(Phase.DRAIN);
    reached(Phase.DRAIN);
    enter(Phase.SNAPSHOT);
    enter(Phase.SNAPSHOT); // while we are at it
    expect(EngineRequest.Snapshot.class);
    expect(EngineRequest.Snapshot.class);
    engine.expectNoMessage();
    coordinator.expectNoMessage();
  }

  private void drain() {
    enter(Phase.DRAIN);
    done(EngineRequest.Drain.class);
    reached(Phase.DRAIN);
  }

  private void snapshot() throws IOException {
    enter(Phase.SNAPSHOT);
    for (int i = 0; i < 2; i++) {
      EngineDriver.Submit submit = expect(EngineRequest.Snapshot.class);
      EngineRequest.Snapshot request = (EngineRequest.Snapshot) submit.request();
      assertEquals(2, request.members());
      TestImages.write(Path.of(request.image()), COMPUTATION, 1, "m1");
      answer(submit, JSON.createObjectNode());
    }
    reached(Phase.SNAPSHOT);
  }

  private void refill() {
    enter(Phase.REFILL);
    done(EngineRequest.Refill.class);
    reached(Phase.REFILL);
  }

  private void refillAndResume() {
    refill();
    resume();
  }

  private void resume() {
    enter(Phase.RESUME);
    answer(expect(EngineRequest.Resume.class),
        JSON.createObjectNode().put("stoppedMicros", 1234));
    assertEquals(1234, reached(Phase.RESUME).stoppedMicros());
  }

  private List<ImageInfo> write() {
    enter(Phase.WRITE);
    for (int i = 0; i < 2; i++) {
      answer(expect(EngineRequest.Write.class), JSON.createObjectNode()
          .put("bytes", 600).put("rawBytes", 700).put("digest", "d"));
    }
    return reached(Phase.WRITE).images();
  }

  private void stage(List<ImageInfo> images) {
    round.tell(new NodeRound.Stage(new NodeCommand.StageManifest("r",
        manifest(1, "m1", images.stream().map(i -> Path.of(i.path())).toList()), LIMIT)));
    reached(Phase.COMMIT);
  }

  private List<String> names() throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      return files.map(f -> f.getFileName().toString()).sorted().toList();
    }
  }

  private void expectUndone() throws IOException {
    done(EngineRequest.Abort.class);
    expectGone();
  }

  /** The engine has not heard of the round. */
  private void expectGone() throws IOException {
    watcher.expectTerminated(round);
    assertEquals(List.of(), names());
  }

  // ---- tests

  @Test
  void takesItsProcessesThroughAllPhases() throws Exception {
    begin(false);
    prepare();
    freeze();
    drain();
    snapshot();
    refillAndResume();
    List<ImageInfo> images = write();
    assertEquals(List.of("upid-1", "upid-2"), images.stream().map(ImageInfo::uniquePid).toList());
    assertFalse(Files.exists(Path.of(images.get(0).path())));
    stage(images);
    assertFalse(Files.exists(Path.of(images.get(0).path())));
    round.tell(new NodeRound.Commit());
    coordinator.expectMessageClass(NodeEvent.RoundCommitted.class);
    expect(EngineRequest.End.class);
    watcher.expectTerminated(round);
    assertEquals(List.of("ckpt_prog_upid-1.dmtcp", "ckpt_prog_upid-2.dmtcp",
        "dmtcp_manifest_" + COMPUTATION + ".json"), names());
  }

  @Test
  void endsItsProcessesOnlyAfterTheCommitWhenItIsToKill() throws Exception {
    begin(true);
    prepare();
    freeze();
    drain();
    snapshot();
    stage(write());
    round.tell(new NodeRound.Commit());
    coordinator.expectMessageClass(NodeEvent.RoundCommitted.class);
    engine.expectNoMessage();
    enter(Phase.RESUME);
    done(EngineRequest.Exit.class);
    reached(Phase.RESUME);
    expect(EngineRequest.End.class);
    watcher.expectTerminated(round);
  }

  @Test
  void refusesByNameWhatCannotBeCapturedBeforeAnythingStops() throws Exception {
    begin(false);
    done(EngineRequest.Scan.class);
    named();
    ObjectNode refusals = JSON.createObjectNode();
    refusals.putArray("refusals").addObject().put("pid", 1001)
        .put("errorId", "not-supported").put("text", "prog[1001]: io_uring");
    answer(expect(EngineRequest.Check.class), refusals);
    NodeEvent.PhaseFailed failed = coordinator.expectMessageClass(NodeEvent.PhaseFailed.class);
    assertEquals(new Failure("not-supported", "prog[1001]: io_uring"), failed.failure());
    expectGone();
  }

  @Test
  void saysSoWhenTheDirectoryIsMissing() throws Exception {
    a = member(1, directory.resolve("gone"));
    begin(false);
    done(EngineRequest.Scan.class);
    named();
    done(EngineRequest.Check.class);
    assertEquals("image-unwritable",
        coordinator.expectMessageClass(NodeEvent.PhaseFailed.class).failure().errorId());
    expectGone();
  }

  @Test
  void letsEverybodyRunOnAtOnceWhenASnapshotFails() throws Exception {
    begin(false);
    prepare();
    freeze();
    drain();
    enter(Phase.SNAPSHOT);
    EngineDriver.Submit first = expect(EngineRequest.Snapshot.class);
    TestImages.write(Path.of(((EngineRequest.Snapshot) first.request()).image()), "c", 1, "m");
    expect(EngineRequest.Snapshot.class);
    fail(first, "disk-full");
    assertEquals("disk-full",
        coordinator.expectMessageClass(NodeEvent.PhaseFailed.class).failure().errorId());
    expectUndone();
  }

  @Test
  void leavesNothingWhenAWriteFails() throws Exception {
    begin(false);
    prepare();
    freeze();
    drain();
    snapshot();
    refillAndResume();
    enter(Phase.WRITE);
    expect(EngineRequest.Write.class);
    fail(expect(EngineRequest.Write.class), "disk-full");
    coordinator.expectMessageClass(NodeEvent.PhaseFailed.class);
    expectUndone();
  }

  @Test
  void failsThePhaseWhenTheEngineIsSilent() throws Exception {
    begin(false);
    prepare();
    freeze();
    enter(Phase.DRAIN);
    expect(EngineRequest.Drain.class);
    time.timePasses(LIMIT);
    NodeEvent.PhaseFailed failed = coordinator.expectMessageClass(NodeEvent.PhaseFailed.class);
    assertEquals(Phase.DRAIN, failed.phase());
    assertEquals("phase-timeout", failed.failure().errorId());
    expectUndone();
  }

  @Test
  void endsEvenWhenTheEngineDoesNotAnswerTheAbort() throws Exception {
    begin(false);
    prepare();
    freeze();
    TestProbe<NodeEvent> asker = kit.createTestProbe(NodeEvent.class);
    round.tell(new NodeRound.Abort(new Failure("internal", "x"), asker.ref()));
    expect(EngineRequest.Abort.class);
    time.timePasses(SETTINGS.nativeLimit().multipliedBy(2));
    asker.expectMessageClass(NodeEvent.RoundAborted.class);
    watcher.expectTerminated(round);
  }

  @Test
  void answersAnAbortOnceEverythingIsUndone() throws Exception {
    begin(false);
    prepare();
    freeze();
    drain();
    snapshot();
    TestProbe<NodeEvent> asker = kit.createTestProbe(NodeEvent.class);
    round.tell(new NodeRound.Abort(new Failure("internal", "x"), asker.ref()));
    EngineDriver.Submit abort = expect(EngineRequest.Abort.class);
    asker.expectNoMessage();
    fail(abort, "no-such-round");
    asker.expectMessageClass(NodeEvent.RoundAborted.class);
    watcher.expectTerminated(round);
    assertEquals(List.of(), names());
  }

  @Test
  void anAbortThatIsSaidTwiceRunsTheHooksOnce() {
    TestProbe<PluginDesk.Command> desk = kit.createTestProbe(PluginDesk.Command.class);
    begin(false, desk.ref());
    done(EngineRequest.Scan.class);
    named();
    done(EngineRequest.Check.class);
    raised(desk, PluginDesk.Event.PRESUSPEND);
    reached(Phase.PREPARE);
    TestProbe<NodeEvent> first = kit.createTestProbe(NodeEvent.class);
    TestProbe<NodeEvent> second = kit.createTestProbe(NodeEvent.class);
    round.tell(new NodeRound.Abort(new Failure("internal", "x"), first.ref()));
    round.tell(new NodeRound.Abort(new Failure("internal", "x"), second.ref()));
    raised(desk, PluginDesk.Event.RESUME);

    assertEquals(PluginDesk.Event.RUNNING,
        desk.expectMessageClass(PluginDesk.Raise.class).event());
    second.expectMessageClass(NodeEvent.RoundAborted.class);
    first.expectNoMessage();
  }

  /** The hooks of two processes. */
  private void raised(TestProbe<PluginDesk.Command> desk, PluginDesk.Event event) {
    PluginDesk.Raise raise = desk.expectMessageClass(PluginDesk.Raise.class);
    assertEquals(event, raise.event());
    raise.replyTo().tell(new PluginDesk.Raised(event,
        List.of(new EngineHelper(a.process(), 1, 0), new EngineHelper(b.process(), 2, 0)), null));
  }

  // ---- from the freeze to the resume in one go

  private EngineDriver.Submit stop() {
    begin(false);
    prepare();
    round.tell(new NodeRound.Stop(new NodeCommand.EnterStop(
        "r", LIMIT, LIMIT.multipliedBy(2), LIMIT.multipliedBy(9))));
    EngineDriver.Submit submit = expect(EngineRequest.Stop.class);
    assertTrue(submit.limit().compareTo(LIMIT) < 0, "a freeze that hangs is noticed in time");
    assertTrue(submit.phases().get("drain").compareTo(LIMIT.multipliedBy(2)) < 0);
    assertTrue(submit.phases().get("snapshot").compareTo(LIMIT.multipliedBy(2)) > 0);
    List<EngineRequest.Stop.Image> images = ((EngineRequest.Stop) submit.request()).images();
    assertEquals(List.of(a.process(), b.process()),
        images.stream().map(i -> i.snapshot().process()).toList());
    assertEquals(a.program(), images.get(0).program());
    return submit;
  }

  @Test
  void goesFromTheFreezeToTheResumeInOneRequest() throws IOException {
    EngineDriver.Submit stop = stop();
    for (EngineRequest.Stop.Image image : ((EngineRequest.Stop) stop.request()).images()) {
      TestImages.write(Path.of(image.snapshot().image()), COMPUTATION, 1, "m1");
    }
    answer(stop, JSON.createObjectNode().put("reached", "resume").put("stoppedMicros", 900));
    NodeEvent.PhaseReached reached = reached(Phase.RESUME);
    assertEquals(2, reached.members());
    assertEquals(900, reached.stoppedMicros());
    stage(write());
  }

  @Test
  void goesOnPhaseByPhaseWhenTheEngineHasFoundSomebodyElse() {
    answer(stop(), JSON.createObjectNode().put("reached", "freeze"));
    named();
    assertEquals(2, reached(Phase.FREEZE).members());
    drain();
  }

  @Test
  void saysInWhichPhaseTheOneRequestHasFailed() throws IOException {
    EngineDriver.Submit stop = stop();
    Path image =
        Path.of(((EngineRequest.Stop) stop.request()).images().get(0).snapshot().image());
    TestImages.write(image, COMPUTATION, 1, "m1");
    stop.replyTo().tell(new EngineAnswer(
        stop.request(), null, new EngineFailure("disk-full", "why", "snapshot")));
    assertEquals(Phase.SNAPSHOT, failedPhase());
    done(EngineRequest.Abort.class);
    expectGone();
    assertFalse(Files.exists(image), "an image that a lost engine leaves stays behind");
  }

  @Test
  void abortsInTheMiddleOfAPhaseAndIgnoresTheLateAnswer() throws Exception {
    begin(false);
    prepare();
    enter(Phase.FREEZE);
    EngineDriver.Submit freeze = expect(EngineRequest.Freeze.class);
    TestProbe<NodeEvent> asker = kit.createTestProbe(NodeEvent.class);
    round.tell(new NodeRound.Abort(new Failure("internal", "x"), asker.ref()));
    EngineDriver.Submit abort = expect(EngineRequest.Abort.class);
    answer(freeze, JSON.createObjectNode());
    answer(abort, JSON.createObjectNode());
    asker.expectMessageClass(NodeEvent.RoundAborted.class);
    coordinator.expectNoMessage();
    watcher.expectTerminated(round);
  }

  @Test
  void letsEverybodyRunOnWhenTheCoordinatorIsLost() throws Exception {
    begin(false);
    prepare();
    freeze();
    coordinator.stop();
    expectUndone();
  }

  @Test
  void letsEverybodyRunOnWhenNobodyOrdersAnythingAnyMore() throws Exception {
    begin(false);
    prepare();
    freeze();
    time.timePasses(SETTINGS.barrierLimit());
    expectUndone();
  }

  private static final List<Phase> BEFORE_THE_COMMIT = List.of(Phase.PREPARE, Phase.FREEZE,
      Phase.DRAIN, Phase.SNAPSHOT, Phase.REFILL, Phase.RESUME, Phase.WRITE);

  enum Fault { COORDINATOR_LOST, ENGINE_LOST, ENGINE_SILENT, ABORT }

  static Stream<Arguments> phasesAndFaults() {
    return BEFORE_THE_COMMIT.stream().flatMap(
        phase -> Stream.of(Fault.values()).map(fault -> Arguments.of(phase, fault)));
  }

  private void reachedUpTo(Phase phase) throws IOException {
    for (Phase p : BEFORE_THE_COMMIT.subList(0, BEFORE_THE_COMMIT.indexOf(phase))) {
      switch (p) {
        case PREPARE -> prepare();
        case FREEZE -> freeze();
        case DRAIN -> drain();
        case SNAPSHOT -> snapshot();
        case REFILL -> refill();
        case RESUME -> resume();
        default -> write();
      }
    }
  }

  /** In the middle of a phase, while the engine works for it. */
  @ParameterizedTest
  @MethodSource("phasesAndFaults")
  void undoesTheRoundWhateverFailsInWhicheverPhase(Phase phase, Fault fault) throws IOException {
    begin(false);
    reachedUpTo(phase);
    if (phase != Phase.PREPARE) {
      enter(phase);
    }
    EngineDriver.Submit asked = (EngineDriver.Submit) engine.receiveMessage();
    switch (fault) {
      case COORDINATOR_LOST -> coordinator.stop();
      case ENGINE_LOST -> fail(asked, "engine-lost");
      case ENGINE_SILENT -> time.timePasses(LIMIT);
      default -> round.tell(
          new NodeRound.Abort(new Failure("round-cancelled", "off"), coordinator.ref()));
    }
    if (fault == Fault.ENGINE_LOST || fault == Fault.ENGINE_SILENT) {
      assertEquals(phase, failedPhase());
    }
    if (phase != Phase.PREPARE) { // the engine knows of the round
      EngineDriver.Submit next = (EngineDriver.Submit) engine.receiveMessage();
      while (!(next.request() instanceof EngineRequest.Abort)) {
        next = (EngineDriver.Submit) engine.receiveMessage();
      }
      answer(next, JSON.createObjectNode());
    }
    expectGone();
    if (fault == Fault.ABORT) {
      coordinator.expectMessageClass(NodeEvent.RoundAborted.class);
    }
  }

  private Phase failedPhase() {
    return coordinator.expectMessageClass(NodeEvent.PhaseFailed.class).phase();
  }

  @Test
  void keepsStagedImagesWhenTheCoordinatorIsLost() throws Exception {
    begin(true);
    prepare();
    freeze();
    drain();
    snapshot();
    stage(write());
    coordinator.stop();
    done(EngineRequest.Resume.class); // the programs are not harmed
    expect(EngineRequest.End.class);
    watcher.expectTerminated(round);
    assertEquals(3, names().size());
  }

  @Test
  void keepsTheCommittedImagesWhenTheyCannotBeRenamed() throws Exception {
    begin(false);
    prepare();
    freeze();
    drain();
    snapshot();
    refillAndResume();
    List<ImageInfo> images = write();
    stage(images);
    Files.createDirectory(Path.of(images.get(0).path()));
    round.tell(new NodeRound.Commit());
    assertEquals(Phase.COMMIT,
        coordinator.expectMessageClass(NodeEvent.PhaseFailed.class).phase());
    expect(EngineRequest.End.class);
    watcher.expectTerminated(round);
    assertTrue(Files.exists(Path.of(images.get(0).path() + ".g00001-m1")));
  }

  @Test
  void goesThroughAPhaseOnceHoweverOftenItIsOrdered() throws Exception {
    begin(false);
    prepare();
    enter(Phase.FREEZE);
    enter(Phase.FREEZE);
    done(EngineRequest.Freeze.class);
    named();
    reached(Phase.FREEZE);
    enter(Phase.FREEZE);
    reached(Phase.FREEZE); // what we said may have been lost
    enter(Phase.SNAPSHOT); // not its turn
    engine.expectNoMessage();
    drain();
  }

  @Test
  void doesNotCommitWhatIsNotStaged() throws Exception {
    begin(false);
    prepare();
    freeze();
    round.tell(new NodeRound.Commit());
    coordinator.expectNoMessage();
    drain();
  }

  @Test
  void takesPartWithoutProcesses() throws Exception {
    plan = new RoundPlan("r", COMPUTATION, 1, "m1", false, false);
    round = kit.spawn(NodeRound.create(new NodeRound.Setting("node", 7779, plan, List.of(), List.of(),
        engine.ref(), plugins, names.ref(), coordinator.ref(), SETTINGS, new ProcFs(directory)), LIMIT));
    reached(Phase.PREPARE);
    for (Phase phase : List.of(Phase.FREEZE, Phase.DRAIN, Phase.SNAPSHOT, Phase.REFILL,
        Phase.RESUME, Phase.WRITE)) {
      enter(phase);
      assertEquals(0, reached(phase).members());
    }
    stage(List.of());
    round.tell(new NodeRound.Commit());
    coordinator.expectMessageClass(NodeEvent.RoundCommitted.class);
  }
}
