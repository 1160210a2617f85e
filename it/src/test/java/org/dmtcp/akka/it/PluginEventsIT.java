package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What hooks hear of in the life of a process, and what they may do wrong. */
@Timeout(value = 3, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class PluginEventsIT {
  static List<String> accounts() {
    return Accounts.names();
  }

  @BeforeAll
  static void build() throws IOException {
    Examples.build();
  }

  private static String events(Computation computation) throws IOException {
    return Files.readString(computation.work().resolve("events"));
  }

  // ---- the life of a process

  private static void assertLife(String account, String word, String between) throws IOException {
    try (Computation c = Computation.prepare(Skip.unlessAvailable(account))) {
      c.launch(Examples.plugins("event_printer"), "sh", "-c",
          "exec " + Examples.path("life") + " " + word + " 2>events");
      assertEquals(0, c.job().await(Computation.LIMIT), c.tail());
      // The shell has its own, and the helper thread's come when they will.
      List<String> lines = events(c).lines().dropWhile(l -> !l.equals("- begin"))
          .filter(l -> !l.endsWith("RUNNING")).map(l -> l.replaceAll("^(event|-) ", ""))
          .toList();
      assertEquals(Stream.of(("begin " + between + " end EXIT").split(" +")).toList(), lines);
      c.passed();
    }
  }

  @Test
  void threadsBeginAndEnd() throws IOException {
    assertLife(Account.PLAIN, "threads",
        "PTHREAD_START PTHREAD_RETURN PTHREAD_START PTHREAD_EXIT");
  }

  /** Parent and child run side by side: only one of the two tells here, and the other is counted. */
  @Test
  void childrenAreMade() throws IOException {
    try (Computation c = Computation.prepare(Skip.unlessAvailable(Account.PLAIN))) {
      c.launch(Examples.plugins("event_printer"), "sh", "-c",
          "exec " + Examples.path("life") + " children 2>events");
      assertEquals(0, c.job().await(Computation.LIMIT), c.tail());
      String said = events(c);
      List<String> lines = said.lines().filter(l -> l.contains("FORK_") || l.startsWith("- "))
          .filter(l -> !l.endsWith("ATFORK_CHILD")).toList();
      assertEquals(List.of("- begin", "- fork", "event ATFORK_PREPARE", "event ATFORK_PARENT",
          "- vfork", "event VFORK_PREPARE", "event VFORK_CHILD", "event VFORK_PARENT", "- end"),
          lines);
      assertEquals(1, said.lines().filter("event ATFORK_CHILD"::equals).count(), said);
      c.passed();
    }
  }

  @ParameterizedTest
  @MethodSource("accounts")
  void childrenAreRefused(String account) throws IOException {
    assertLife(account, "refused", "fork ATFORK_PREPARE ATFORK_FAILED refused"
        + " vfork VFORK_PREPARE VFORK_FAILED refused");
  }

  @Test
  void aProgramExecutesAnother() throws IOException {
    assertLife(Account.PLAIN, "exec", "PRE_EXEC POST_EXEC INIT begin");
  }

  /** The permission of the one that is gone is not waited for. */
  @Test
  void aProgramThatExecutesAnotherWhileItForbidsCheckpointsIsSaved()
      throws IOException {
    try (Computation c = Computation.prepare(Skip.unlessAvailable(Account.PLAIN))) {
      Path go = c.work().resolve("go");
      c.launch(List.of(), Examples.path("life"), "forbidden", go.toString(),
          Examples.path("sleeper"));
      c.awaitLine("critical");
      c.coordinator().must("-c");
      Files.createFile(go);
      c.awaitLine("tick 1");
      Wait.until(Computation.LIMIT, () -> Directories.names(c.images()).stream()
          .anyMatch(n -> n.startsWith("ckpt_sleeper")), yes -> yes, () -> "an image; " + c.tail());
      c.awaitRunning();
      c.kill();
      c.passed();
    }
  }

  /** What stands before functions of the C library takes hardly any stack. */
  @Test
  void programsWithSmallStacksRunWithPlugins() throws IOException {
    try (Computation c = Computation.prepare(Skip.unlessAvailable(Account.PLAIN))) {
      c.launch(Examples.plugins("path_event"), Examples.path("small_stacks"));
      assertEquals(0, c.job().await(Computation.LIMIT), c.tail());
      assertEquals("ok\n", c.output());
      c.passed();
    }
  }

  /** Five of the program and the helper thread, each once, whatever it waits for. */
  @ParameterizedTest
  @MethodSource("accounts")
  void everyThreadIsToldThatItGoesOn(String account) throws IOException {
    try (Computation c = Computation.prepare(Skip.unlessAvailable(account))) {
      c.launch(Examples.plugins("thread_printer", "event_printer"), "sh", "-c",
          "exec " + Examples.path("resumed") + " 2>>events");
      c.awaitLine("tick 1");
      for (int cycle = 1; cycle <= 3; cycle++) {
        c.checkpoint();
        c.kill();
        long ticks = c.ticks();
        c.restart();
        c.awaitMoreTicks(ticks + 1);
        Wait.until(Computation.LIMIT, () -> events(c), s -> s.endsWith("event RUNNING\n"), c::tail);
        String said = events(c).substring(events(c).lastIndexOf("restart in "));
        assertEquals(
            6, said.lines().filter(l -> l.startsWith("resume in ")).distinct().count(), said);
        assertEquals(6, said.lines().filter("event THREAD_RESUME"::equals).count(), said);
        assertFalse(said.contains("wrong") || c.output().contains("wrong"), said + c.output());
      }
      c.kill();
      c.passed();
    }
  }

  // ---- programs that are not like others

  private static String build(Computation c, String... compiler) throws IOException {
    String program = c.images().resolveSibling("tick").toString();
    List<String> words = new ArrayList<>(List.of(compiler));
    words.addAll(List.of("-o", program, Tree.SOURCE.resolve("plugin/sleeper.c").toString()));
    Outcome made = Command.run(Session.LIMIT, words.toArray(String[]::new));
    assertEquals(0, made.status(), made.text());
    return program;
  }

  /** Its loader is another one, and its C library has not everything that ours needs elsewhere. */
  @Test
  void programsOfMuslHaveEventsAndWrappers() throws IOException {
    Skip.unlessInstalled("musl-gcc");
    try (Computation c = Computation.prepare(Skip.unlessAvailable(Account.PLAIN))) {
      c.launch(Examples.plugins("sleep1", "event_printer"), "sh", "-c",
          "exec " + build(c, "musl-gcc") + " 2>>events");
      c.awaitLine("tick 1");
      c.checkpoint();
      c.kill();
      String said = events(c);
      assertTrue(said.contains("sleep1 begins"), said);
      assertTrue(said.contains("event PRECHECKPOINT\nevent RESUME\n"), said);
      long ticks = c.ticks();
      c.restart();
      c.awaitMoreTicks(ticks);
      assertTrue(events(c).contains("event RESTART"), c.tail());
      c.kill();
      c.passed();
    }
  }

  /** It is said by name that no plugin can be in it, and it is checkpointed as it is. */
  @Test
  void staticProgramsAreSavedWithoutPlugins() throws IOException {
    try (Computation c = Computation.prepare(Skip.unlessAvailable(Account.PLAIN))) {
      String program = build(c, "gcc", "-static");
      c.launch(Examples.plugins("event_printer"), program);
      c.awaitLine("tick 1");
      assertTrue(c.job().complaints().contains(
          program + " is linked statically: no plugin can be loaded into it"), c.tail());
      assertFalse(c.job().complaints().contains("event"), c.tail());
      c.checkpoint();
      c.kill();
      long ticks = c.ticks();
      c.restart();
      c.awaitMoreTicks(ticks);
      c.kill();
      c.passed();
    }
  }

  // ---- faults

  private static Computation faulty(String fault, String event) throws IOException {
    return faulty("faulty", fault, event);
  }

  private static Computation faulty(String plugin, String fault, String event)
      throws IOException {
    Computation c = Computation.prepare(Skip.unlessAvailable(Account.PLAIN));
    c.set("FAULT", fault);
    c.set("FAULT_EVENT", event);
    c.launch(Examples.plugins(plugin, "event_printer"), "sh", "-c",
        "exec " + Examples.path("sleeper") + " 2>>events");
    c.awaitLine("tick 1");
    return c;
  }

  /** It ends the checkpoint by name, and neither the program nor the next checkpoint. */
  @ParameterizedTest
  @CsvSource({
    "crash, hit by signal 11", "overflow, hit by signal 11", "abort, called abort()",
    "exit, called exit()", "thread, called pthread_exit()", "exec, wanted to execute",
    "raise, hit by signal 11",
  })
  void aFaultyHookEndsTheCheckpointOnly(String fault, String reason) throws IOException {
    try (Computation c = faulty(fault, "PRECHECKPOINT")) {
      for (int i = 0; i < 2; i++) {
        Outcome failed = c.coordinator().command("-bc");
        assertTrue(failed.text().contains("plugin faulty, event PRECHECKPOINT: it"), failed.text());
        assertTrue(failed.text().contains(reason), failed.text());
        assertTrue(failed.text().contains("plugin-failed"), failed.text());
        c.awaitMoreTicks(c.ticks());
      }
      Wait.until(Computation.LIMIT, () -> events(c), s -> s.contains("resumed\n"),
          () -> "RESUME; " + c.tail());
      String said = events(c);
      assertEquals(List.of("event PRESUSPEND", "event PRECHECKPOINT", "event RESUME"),
          said.substring(said.lastIndexOf("event PRESUSPEND")).lines()
              .filter(line -> line.startsWith("event ") && !line.endsWith("RUNNING")).toList());
      c.kill();
      c.passed();
    }
  }

  /** In every phase; beside RUNNING there is no checkpoint that could be given up. */
  @ParameterizedTest
  @CsvSource({
    "faulty, crash, PRESUSPEND, it was hit by signal 11",
    "faulty, exit, PRESUSPEND, it called exit()",
    "faulty, crash, RESUME, it was hit by signal 11",
    "faulty, overflow, RESUME, it was hit by signal 11",
    "throwing, throw, PRECHECKPOINT, it called abort()",
    "faulty, crash, RUNNING, ''", "faulty, abort, RUNNING, ''",
  })
  void aFaultIsNamedInEveryPhase(String plugin, String fault, String event, String reason)
      throws IOException {
    try (Computation c = faulty(plugin, fault, event)) {
      for (int i = 0; i < 2; i++) {
        Outcome tried = c.coordinator().command("-bc");
        assertEquals(reason == null || reason.isEmpty(), tried.status() == 0, tried.text());
        assertTrue(tried.status() == 0 || tried.text().contains(
            "plugin " + plugin + ", event " + event + ": " + reason), tried.text());
        c.awaitMoreTicks(c.ticks());
      }
      c.kill();
      c.passed();
    }
  }

  /** Signals blocked for good, all descriptors closed, a jump into a call that has returned. */
  @ParameterizedTest
  @ValueSource(strings = {"mask", "close", "back"})
  void whatAHookLeavesBehindHurtsNobody(String fault) throws IOException {
    try (Computation c = faulty(fault, "PRECHECKPOINT")) {
      for (int i = 0; i < 3; i++) {
        c.coordinator().command("-bc"); // may be given up
        c.awaitMoreTicks(c.ticks());
        c.awaitRunning();
      }
      String said = events(c);
      assertTrue(said.contains("event PRECHECKPOINT\nresumed\nevent RESUME")
          || said.contains("event PRECHECKPOINT\nevent RESUME\nresumed"), said);
      c.kill();
      c.passed();
    }
  }

  /** What looks like a fault and is none. */
  @ParameterizedTest
  @CsvSource({
    "jump, PRECHECKPOINT", "child, PRECHECKPOINT", "command, PRECHECKPOINT",
    "checkpoint, PRECHECKPOINT", "child, PRESUSPEND", "checkpoint, PRESUSPEND",
  })
  void aHookMayHaveChildrenAndAskForACheckpointInVain(String what, String event)
      throws IOException {
    try (Computation c = faulty(what, event)) {
      for (int i = 0; i < 2; i++) {
        c.checkpoint();
        c.awaitMoreTicks(c.ticks());
      }
      String said = events(c);
      assertFalse(said.contains("wrong"), said);
      assertEquals(what.equals("jump") ? 0 : 2,
          said.lines().filter(l -> l.equals("fine " + what)).count(), said);
      c.kill();
      c.passed();
    }
  }

  /** In a thread of the program; its registers are given back to it, and it goes on. */
  @ParameterizedTest
  @CsvSource({
    "crash, was hit by signal 11", "overflow, was hit by signal 11", "abort, called abort()",
    "exit, called exit()", "thread, called pthread_exit()", "hang, did not return in time",
  })
  void aFaultyHookInAThreadLetsTheThreadRun(String fault, String reason) throws IOException {
    try (Computation c = faulty(fault, "THREAD_RESUME")) {
      c.checkpoint();
      c.kill();
      long ticks = c.ticks();
      c.restart();
      c.awaitMoreTicks(ticks);
      assertTrue(c.job().complaints().contains("event THREAD_RESUME: it " + reason), c.tail());
      c.kill();
      c.passed();
    }
  }

  /** There is nobody to give it up: it is told by name, and the program runs. */
  @ParameterizedTest
  @ValueSource(strings = {"crash", "exit", "exec"})
  void aFaultyHookAtTheRestartLetsTheProgramRun(String fault) throws IOException {
    try (Computation c = faulty(fault, "RESTART")) {
      c.checkpoint();
      c.kill();
      long ticks = c.ticks();
      c.restart();
      c.awaitMoreTicks(ticks);
      assertTrue(c.job().complaints().contains("plugin faulty, event RESTART"), c.tail());
      c.checkpoint();
      c.kill();
      c.passed();
    }
  }
}
