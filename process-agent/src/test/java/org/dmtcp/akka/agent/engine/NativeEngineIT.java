package org.dmtcp.akka.agent.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.testkit.typed.javadsl.TestProbe;
import akka.actor.typed.ActorRef;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;
import org.junit.jupiter.api.io.TempDir;

/** The driver with the real engine and a real process. */
@Timeout(value = 60, threadMode = ThreadMode.SEPARATE_THREAD)
class NativeEngineIT {
  private static final Duration LIMIT = Duration.ofSeconds(10);

  private final ActorTestKit kit = ActorTestKit.create();
  private final TestProbe<EngineEvent> events = kit.createTestProbe(EngineEvent.class);
  private final TestProbe<EngineAnswer> answers = kit.createTestProbe(EngineAnswer.class);

  @TempDir Path directory;
  private ActorRef<EngineDriver.Command> driver;
  private HostProcess sleeper;

  @BeforeEach
  void start() throws Exception {
    String property = System.getProperty("dmtcp.it.tree");
    assertNotNull(property, "dmtcp.it.tree names the installation");
    Path tree = Path.of(property);
    driver = kit.spawn(EngineDriver.create(
        NativeEngine.starter(
            tree.resolve("bin/dmtcp_engine"), tree.resolve("lib/dmtcp/libdmtcp_engine.so")),
        new EngineDriver.Settings(Duration.ofMillis(50), Duration.ofSeconds(1)), events.ref()));
    events.expectMessageClass(EngineEvent.Started.class, LIMIT);
    sleeper = startSleeper();
  }

  @AfterEach
  void stop() {
    ProcessHandle.of(sleeper.realPid()).ifPresent(ProcessHandle::destroyForcibly);
    kit.shutdownTestKit();
  }

  /** A process with another parent than this JVM, which would take its ptrace stop for its end. */
  private static HostProcess startSleeper() throws IOException, InterruptedException {
    Process shell = new ProcessBuilder("sh", "-c", "sleep 300 >/dev/null 2>&1 & echo $!").start();
    int realPid;
    try (BufferedReader out = new BufferedReader(
        new InputStreamReader(shell.getInputStream(), StandardCharsets.US_ASCII))) {
      realPid = Integer.parseInt(out.readLine());
    }
    shell.waitFor();
    Path executable = Path.of("/proc/" + realPid + "/exe");
    while (!Files.readSymbolicLink(executable).endsWith("sleep")) {
      Thread.sleep(1); // the shell's child, before it executes
    }
    String stat = Files.readString(Path.of("/proc/" + realPid + "/stat"));
    return new HostProcess(realPid,
        Long.parseLong(stat.substring(stat.lastIndexOf(')') + 2).split(" ")[19]));
  }

  private EngineAnswer ask(EngineRequest request) {
    driver.tell(new EngineDriver.Submit(request, LIMIT, answers.ref()));
    return answers.receiveMessage(LIMIT);
  }

  private EngineAnswer askFine(EngineRequest request) {
    EngineAnswer answer = ask(request);
    assertTrue(answer.ok(), () -> request + ": " + answer.failure());
    return answer;
  }

  private List<EngineMember> freeze(String round) {
    return EngineCodec.members(askFine(new EngineRequest.Freeze(
        round, "computation", 0, 1, "manifest", List.of(sleeper), List.of(), LIMIT)).body());
  }

  private char state() throws IOException {
    String stat = Files.readString(Path.of("/proc/" + sleeper.realPid() + "/stat"));
    return stat.charAt(stat.lastIndexOf(')') + 2);
  }

  /** A process that was let go runs for a moment; the test's limit holds. */
  private void awaitSleeping() throws IOException, InterruptedException {
    while (state() != 'S') {
      Thread.sleep(1);
    }
  }

  private long enginePid() {
    return askFine(new EngineRequest.Hello()).body().get("pid").asLong();
  }

  @Test
  void tellsWhenAWatchedProcessEnds() {
    askFine(new EngineRequest.Watch(sleeper));
    ProcessHandle.of(sleeper.realPid()).orElseThrow().destroyForcibly();
    assertEquals(new EngineEvent.Exited(sleeper), events.receiveMessage(LIMIT));
  }

  @Test
  void knowsAProcessByItsStartToo() {
    EngineAnswer answer = ask(new EngineRequest.Watch(
        new HostProcess(sleeper.realPid(), sleeper.startTicks() + 1)));
    assertEquals("no-such-process", answer.failure().id());
  }

  @Test
  void takesAProcessThroughAWholeRound() throws Exception {
    Path image = directory.resolve("image");
    assertEquals(List.of(), EngineCodec.refusals(
        askFine(new EngineRequest.Check(List.of(sleeper), LIMIT)).body()));
    EngineMember member = freeze("r").get(0);
    assertEquals(sleeper, member.process());
    assertEquals("sleep", member.program());
    assertEquals('t', state());
    askFine(new EngineRequest.Drain("r", LIMIT));
    askFine(new EngineRequest.Snapshot("r", sleeper, "upid", image.toString(), "zstd", 0, 1,
        false, false, 0, LIMIT));
    askFine(new EngineRequest.Refill("r"));
    EngineAnswer resumed = askFine(new EngineRequest.Resume("r"));
    assertTrue(EngineCodec.stopped(resumed.body()).toNanos() > 0);
    ImageSummary summary = EngineCodec.summary(
        askFine(new EngineRequest.Write("r", sleeper, LIMIT)).body());
    assertEquals(Files.size(image), summary.imageBytes());
    askFine(new EngineRequest.End("r"));
    assertTrue(Files.exists(image));
    awaitSleeping();
  }

  @Test
  void leavesNothingOfARoundThatIsAborted() throws Exception {
    freeze("r");
    askFine(new EngineRequest.Drain("r", LIMIT));
    askFine(new EngineRequest.Snapshot("r", sleeper, "upid", directory.resolve("image").toString(),
        "zstd", 0, 1, false, false, 0, LIMIT));
    askFine(new EngineRequest.Abort("r"));
    awaitSleeping();
    try (Stream<Path> files = Files.list(directory)) {
      assertEquals(List.of(), files.toList());
    }
  }

  @Test
  void survivesTheDeathOfTheEngineInTheMiddleOfARound() throws Exception {
    long pid = enginePid();
    freeze("r");
    ProcessHandle.of(pid).orElseThrow().destroyForcibly();
    EngineAnswer answer = ask(new EngineRequest.Drain("r", LIMIT));
    assertEquals(EngineFailure.ENGINE_LOST, answer.failure().id());
    events.expectMessageClass(EngineEvent.Started.class, LIMIT);
    awaitSleeping();
    assertTrue(enginePid() != pid);
    freeze("r2");
    askFine(new EngineRequest.Abort("r2"));
    awaitSleeping();
  }

  @Test
  void letsEverythingRunOnWhenItsActorStops() throws Exception {
    long pid = enginePid();
    freeze("r");
    assertEquals('t', state());
    kit.stop(driver);
    awaitSleeping();
    while (ProcessHandle.of(pid).isPresent()) {
      Thread.sleep(1);
    }
  }

  @Test
  void endsAProcessWithTheStatusAskedFor() throws Exception {
    askFine(new EngineRequest.Watch(sleeper));
    askFine(new EngineRequest.Kill(List.of(sleeper), 0));
    assertEquals(new EngineEvent.Exited(sleeper), events.receiveMessage(LIMIT));
    assertFalse(ProcessHandle.of(sleeper.realPid()).map(ProcessHandle::isAlive).orElse(false)
        && state() != 'Z');
  }
}
