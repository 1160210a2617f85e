package org.dmtcp.akka.coordinator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.testkit.typed.javadsl.ManualTime;
import akka.actor.testkit.typed.javadsl.TestProbe;
import akka.actor.typed.ActorRef;
import com.typesafe.config.ConfigFactory;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.dmtcp.akka.coordinator.RestartRound.Cancelled;
import org.dmtcp.akka.coordinator.RestartRound.Went;
import org.dmtcp.akka.protocol.AgentId;
import org.dmtcp.akka.protocol.CoordinatorReply;
import org.dmtcp.akka.protocol.CoordinatorReply.Accepted;
import org.dmtcp.akka.protocol.CoordinatorReply.NamesResolved;
import org.dmtcp.akka.protocol.CoordinatorReply.Refused;
import org.dmtcp.akka.protocol.CoordinatorReply.RestartBegun;
import org.dmtcp.akka.protocol.CoordinatorReply.RestartGo;
import org.dmtcp.akka.protocol.CoordinatorReply.RestartWaiting;
import org.dmtcp.akka.protocol.CoordinatorRequest.BeginRestart;
import org.dmtcp.akka.protocol.CoordinatorRequest.ResolveNames;
import org.dmtcp.akka.protocol.CoordinatorRequest.RestartReady;
import org.dmtcp.akka.protocol.CoordinatorRequest.RestartWithdrawn;
import org.dmtcp.akka.protocol.Failure;
import org.dmtcp.akka.protocol.ImageInfo;
import org.dmtcp.akka.protocol.ProcessInfo;
import org.dmtcp.akka.protocol.RestartMember;
import org.dmtcp.akka.protocol.WorkerState;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class RestartRoundTest {
  private static final Duration LIMIT = Duration.ofMinutes(60);
  private static final Duration TELL_EVERY = Duration.ofSeconds(5);

  @TempDir Path dir;
  private final ActorTestKit kit =
      ActorTestKit.create(ManualTime.config().withFallback(ConfigFactory.load()));
  private final ManualTime time = ManualTime.get(kit.system());
  private final TestProbe<RestartRound.Outcome> outcome = kit.createTestProbe();
  private final TestProbe<CoordinatorReply> a = kit.createTestProbe();
  private final TestProbe<CoordinatorReply> b = kit.createTestProbe();
  private ActorRef<RestartRound.Command> round;
  private int total;

  @AfterEach
  void shutDown() {
    kit.shutdownTestKit();
  }

  @Test
  void letsAllGoWhenTheLastIsReady() {
    start(3);
    join(a, "a", "a1", "a2");
    join(b, "b", "b1");
    ready(a, "a", "a1", "a2");
    a.expectNoMessage();
    ready(b, "b", "b1");

    a.expectMessage(new RestartGo("r"));
    b.expectMessage(new RestartGo("r"));
    Went went = outcome.expectMessageClass(Went.class);
    assertEquals(3, went.processes().size());
    assertEquals(0, went.missing());
  }

  @Test
  void aReadyThatComesTwiceCountsOnce() {
    start(2);
    join(a, "a", "a1");
    join(b, "b", "b1");
    ready(a, "a", "a1");
    ready(a, "a", "a1");
    outcome.expectNoMessage();
    ready(b, "b", "b1");

    assertEquals(2, outcome.expectMessageClass(Went.class).processes().size());
  }

  @Test
  void saysWhoIsAwaited() {
    start(4);
    join(a, "a", "a1", "a2");
    ready(a, "a", "a1");
    time.timePasses(TELL_EVERY);

    assertEquals(
        List.of("a2 (prog@a)", "2 more of other hosts"), nextWaiting(a).missing());
  }

  @Test
  void knowsTheNamesFromTheManifest() throws IOException {
    Manifest manifest =
        new Manifest("comp", 3, "m", 0, "", Instant.EPOCH, "h", 1, 0,
            List.of(image("a", "a1"), image("b", "b1")));
    GenerationStore store = new GenerationStore(dir);
    store.stage(manifest);
    store.commit(manifest);
    start(2);
    join(a, "a", "a1");
    ready(a, "a", "a1");
    time.expectNoMessageFor(Duration.ofMillis(200), outcome); // and the manifest is read
    time.timePasses(TELL_EVERY);

    List<String> missing = nextWaiting(a).missing();
    while (!missing.equals(List.of("b1 (prog@b)"))) {
      time.timePasses(TELL_EVERY);
      missing = nextWaiting(a).missing();
    }
  }

  @Test
  void goesOnWithoutTheMissingWhenForced() {
    start(2);
    round.tell(new RestartRound.Force(b.ref()));
    assertEquals("not-running", b.expectMessageClass(Refused.class).failure().errorId());
    join(a, "a", "a1");
    ready(a, "a", "a1");
    round.tell(new RestartRound.Force(b.ref()));

    b.expectMessage(new Accepted(1));
    expectGo(a);
    assertEquals(1, outcome.expectMessageClass(Went.class).missing());
  }

  @Test
  void whenForcedStillAwaitsThoseThatAreBeingBuilt() {
    start(3);
    join(a, "a", "a1", "a2");
    ready(a, "a", "a1");
    round.tell(new RestartRound.Force(b.ref()));
    b.expectMessage(new Accepted(1));
    outcome.expectNoMessage();
    ready(a, "a", "a2");

    assertEquals(1, outcome.expectMessageClass(Went.class).missing());
  }

  @Test
  void whenForcedTwiceAwaitsNobody() {
    start(3);
    join(a, "a", "a1", "a2");
    ready(a, "a", "a1");
    round.tell(new RestartRound.Force(b.ref()));
    round.tell(new RestartRound.Force(b.ref()));

    assertEquals(2, outcome.expectMessageClass(Went.class).missing());
  }

  @Test
  void whoResolvesANameOfTheMissingIsAnsweredWhenForced() {
    start(2);
    join(a, "a", "a1");
    round.tell(
        new RestartRound.Names(
            new NameService.Resolve(
                new ResolveNames("r", List.of("tcp/1"), LIMIT, a.ref()))));
    a.expectNoMessage();
    round.tell(new RestartRound.Force(b.ref()));

    a.expectMessage(new NamesResolved(List.of(), List.of("tcp/1")));
  }

  @Test
  void refusesImagesOfAnotherGeneration() {
    start(2);
    round.tell(
        new RestartRound.Join(
            new BeginRestart("a", "comp", 4, "m", 2, List.of(), Duration.ZERO, a.ref())));

    assertEquals("image-set-mixed", a.expectMessageClass(Refused.class).failure().errorId());
  }

  @Test
  void refusesAMemberThatIsBeingRestartedAlready() {
    start(2);
    join(a, "a", "a1");
    round.tell(new RestartRound.Join(begin("b", b, "a1")));

    assertTrue(b.expectMessageClass(Refused.class).failure().text().contains("a1 (prog@b)"));
  }

  @Test
  void awaitsAMemberAgainWhenItsCommandHasGone() {
    start(2);
    join(a, "a", "a1");
    join(b, "b", "b1");
    ready(a, "a", "a1");
    round.tell(
        new RestartRound.Withdraw(
            new RestartWithdrawn("r", "a", List.of("a1"), "killed", b.ref())));
    b.expectMessage(new Accepted(1));
    ready(b, "b", "b1");
    outcome.expectNoMessage();
    join(a, "a", "a1");
    ready(a, "a", "a1");

    assertEquals(2, outcome.expectMessageClass(Went.class).processes().size());
  }

  @Test
  void isCancelledWhenAllCommandsHaveGone() {
    start(2);
    join(a, "a", "a1");
    round.tell(new RestartRound.NodeLost("a"));

    assertEquals(
        "restart-cancelled", outcome.expectMessageClass(Cancelled.class).failure().errorId());
  }

  @Test
  void isCancelledWhenTheLimitIsOver() {
    start(2);
    join(a, "a", "a1");
    ready(a, "a", "a1");
    outcome.expectNoMessage();
    time.timePasses(LIMIT);

    Failure failure = outcome.expectMessageClass(Cancelled.class).failure();
    assertEquals("restart-timeout", failure.errorId());
    assertTrue(failure.text().endsWith("1 more of other hosts"), failure.text());
  }

  @Test
  void tellsThoseWhoWaitThatItIsCancelled() {
    start(2);
    join(a, "a", "a1");
    ready(a, "a", "a1");
    Failure why = new Failure("restart-cancelled", "cancelled on request");
    round.tell(new RestartRound.Cancel(why));

    CoordinatorReply reply = a.receiveMessage();
    assertEquals(new Refused(why), reply);
    outcome.expectMessage(new Cancelled("r", why));
  }

  // ---- what the tests do

  private void start(int members) {
    total = members;
    round =
        kit.spawn(
            RestartRound.create(
                new RestartRound.Plan("r", "comp", 3, "m", total, LIMIT, TELL_EVERY),
                new GenerationStore(dir),
                outcome.ref()));
  }

  private BeginRestart begin(
      String node, TestProbe<CoordinatorReply> probe, String... uniquePids) {
    List<RestartMember> members =
        List.of(uniquePids).stream().map(u -> new RestartMember(u, 7, "prog", node)).toList();
    return new BeginRestart(
        node, "comp", 3, "m", total, members, Duration.ZERO, probe.ref());
  }

  private void join(TestProbe<CoordinatorReply> probe, String node, String... uniquePids) {
    round.tell(new RestartRound.Join(begin(node, probe, uniquePids)));
    probe.expectMessage(new RestartBegun("r"));
  }

  private void ready(TestProbe<CoordinatorReply> probe, String node, String... uniquePids) {
    List<ProcessInfo> processes =
        List.of(uniquePids).stream()
            .map(
                u ->
                    new ProcessInfo(
                        new AgentId(node, 7, 1), u, 7, 0, "prog", WorkerState.RESTARTING))
            .toList();
    round.tell(new RestartRound.Ready(new RestartReady("r", node, processes, probe.ref())));
  }

  private static RestartWaiting nextWaiting(TestProbe<CoordinatorReply> probe) {
    return probe.expectMessageClass(RestartWaiting.class);
  }

  private static void expectGo(TestProbe<CoordinatorReply> probe) {
    CoordinatorReply reply = probe.receiveMessage();
    while (reply instanceof RestartWaiting) {
      reply = probe.receiveMessage();
    }
    assertEquals(new RestartGo("r"), reply);
  }

  private static ImageInfo image(String host, String uniquePid) {
    return new ImageInfo(
        host, "/x/" + uniquePid, uniquePid, 7, 0, "prog", false, 1, 1, "00");
  }
}
