package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The examples of {@code plugin/}, each in the situation that it is an example of. */
@Timeout(value = 3, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class PluginIT {
  static List<String> accounts() {
    return Accounts.names();
  }

  @BeforeAll
  static void build() throws IOException {
    Examples.build();
  }

  private static String example(String name) {
    return Examples.path(name);
  }

  private static List<String> plugins(String... names) {
    return Examples.plugins(names);
  }

  /** Runs it with its standard error in the file {@code events} of its directory. */
  private static Computation launch(String account, List<String> options, String... program)
      throws IOException {
    Computation computation = Computation.prepare(Skip.unlessAvailable(account));
    computation.launch(options, command(program));
    computation.awaitRunning();
    return computation;
  }

  private static String[] command(String... program) {
    return new String[] {"sh", "-c", "exec " + String.join(" ", program) + " 2>>events"};
  }

  private static String events(Computation computation) throws IOException {
    Path events = computation.work().resolve("events");
    return Files.exists(events) ? Files.readString(events) : "";
  }

  private static void awaitEvent(Computation computation, String text) throws IOException {
    Wait.until(Computation.LIMIT, () -> events(computation), s -> s.contains(text),
        () -> text + "; " + computation.tail());
  }

  private static List<String> after(String text, String mark) {
    return text.substring(text.lastIndexOf(mark)).lines().toList();
  }

  @ParameterizedTest
  @MethodSource("accounts")
  void eventsComeInOrder(String account) throws IOException {
    try (Computation c = launch(account, plugins("event_printer"), example("sleeper"))) {
      c.awaitLine("tick 1");
      c.checkpoint();
      assertEquals(
          List.of("event PRESUSPEND", "event PRECHECKPOINT", "event RESUME", "event RUNNING"),
          after(events(c), "event PRESUSPEND"));
      c.kill();
      c.restart();
      awaitEvent(c, "event RESTART\nevent THREAD_RESUME\nevent THREAD_RESUME\nevent RUNNING");
      c.checkpoint();
      assertEquals(
          List.of("event PRESUSPEND", "event PRECHECKPOINT", "event RESUME", "event RUNNING"),
          after(events(c), "event PRESUSPEND"));
      c.kill();
      c.passed();
    }
  }

  @ParameterizedTest
  @MethodSource("accounts")
  void wrappersNestInTheOrderInWhichTheyAreGiven(String account) throws IOException {
    try (Computation c = launch(account, plugins("sleep1", "sleep2"), example("sleeper"))) {
      c.awaitLine("tick 1");
      awaitEvent(c, "sleep1 begins\nsleep2 begins\nsleep2 ends\nsleep1 ends\n");
      c.checkpoint();
      c.kill();
      long ticks = c.ticks();
      c.restart();
      c.awaitMoreTicks(ticks);
      assertTrue(events(c).contains("sleep2 ends\nsleep1 ends\n"));
      c.kill();
      c.passed();
    }
  }

  @ParameterizedTest
  @MethodSource("accounts")
  void processesTellEachOtherBehindABarrier(String account) throws IOException {
    try (Computation c = launch(account, plugins("kv_exchange"), example("family"))) {
      c.awaitLine("tick 1");
      c.checkpoint();
      assertNeighbours(events(c), "checkpoint");
      c.kill();
      long ticks = c.ticks();
      c.restart();
      c.awaitMoreTicks(ticks);
      assertNeighbours(events(c), "restart");
      c.kill();
      c.passed();
    }
  }

  /** Each of the three sees another one, and nobody is seen twice. */
  private static void assertNeighbours(String events, String when) {
    List<String> seen = events.lines().filter(line -> line.startsWith(when + ": "))
        .map(line -> line.replaceAll(".* of 3, beside ", "")).sorted().toList();
    List<String> seers = events.lines().filter(line -> line.startsWith(when + ": "))
        .map(line -> line.replaceAll(when + ": (pid \\d+) .*", "$1")).sorted().toList();
    assertEquals(3, seen.size(), events);
    assertEquals(seers, seen, events);
  }

  @ParameterizedTest
  @MethodSource("accounts")
  void aProgramAsksForItsOwnCheckpoint(String account) throws IOException {
    try (Computation c = Computation.prepare(Skip.unlessAvailable(account))) {
      c.launch(List.of(), example("applic_initiated"));
      c.awaitLine("1 checkpoint(s), 0 restart(s)");
      assertTrue(c.output().startsWith("after the checkpoint\n"), c.output());
      assertEquals(0, c.job().await(Computation.LIMIT));
      c.restart();
      c.awaitLine("0 checkpoint(s), 1 restart(s)");
      assertEquals("after the restart\n0 checkpoint(s), 1 restart(s)\n", c.output());
      c.passed();
    }
  }

  @ParameterizedTest
  @MethodSource("accounts")
  void aProgramDelaysACheckpoint(String account) throws IOException {
    try (Computation c = Computation.prepare(Skip.unlessAvailable(account))) {
      Path go = c.work().resolve("go");
      c.launch(List.of(), example("applic_delayed"), go.toString());
      c.awaitLine("critical");
      c.coordinator().must("-c");
      Files.createFile(go);
      c.awaitLine("uncritical");
      Wait.until(Computation.LIMIT, () -> Directories.names(c.images()).stream()
          .anyMatch(n -> n.startsWith("ckpt_")), yes -> yes, () -> "an image; " + c.tail());
      c.kill();
      c.restart();
      c.awaitRunning();
      assertEquals("critical\nuncritical\n", c.output());
      c.kill();
      c.passed();
    }
  }

  @ParameterizedTest
  @MethodSource("accounts")
  void aProgramGetsAVariableOfTheRestart(String account) throws IOException {
    try (Computation c =
        launch(account, plugins("restart_environment"), example("print_environment"))) {
      c.awaitLine("server unknown");
      c.checkpoint();
      c.kill();
      c.set("EXAMPLE_SERVER", "new.example.org");
      c.restart();
      c.awaitLine("server new.example.org");
      c.kill();
      c.passed();
    }
  }

  @ParameterizedTest
  @MethodSource("accounts")
  void aProgramFindsFilesThatHaveMoved(String account) throws IOException {
    Account who = Skip.unlessAvailable(account);
    Path before = Files.createTempDirectory(Tree.WORK, "before");
    Files.writeString(before.resolve("data"), "of yesterday\n");
    Directories.give(before, who);
    try (Computation c =
        launch(account, plugins("path_translation"), example("read_file"), before + "/data")) {
      c.awaitLine("file of yesterday");
      c.checkpoint();
      c.kill();
      Path now = Files.createTempDirectory(Tree.WORK, "now");
      Directories.give(now, who);
      Files.writeString(now.resolve("data"), "of today\n");
      Directories.delete(before);
      c.set("EXAMPLE_OLD", before.toString());
      c.set("EXAMPLE_NEW", now.toString());
      c.restart();
      c.awaitLine("file of today");
      c.kill();
      Directories.delete(now);
      c.passed();
    }
  }

  /** After the limit of a hook the others go on; so does the program. */
  @ParameterizedTest
  @ValueSource(strings = {"ask", "deaf", "lock"}) // asks for the very signal that ends it
  void aHookThatDoesNotReturnEndsTheCheckpointOnly(String fault) throws IOException {
    try (Computation c = Computation.prepare(Skip.unlessAvailable(Account.PLAIN))) {
      c.set("FAULT", fault);
      c.launch(plugins("faulty"), command(example("sleeper")));
      c.awaitLine("tick 1");
      Outcome failed = c.coordinator().command("-bc");
      assertTrue(failed.text().contains(
          "plugin faulty, event PRECHECKPOINT: it did not return in time"), failed.text());
      c.awaitMoreTicks(c.ticks());
      c.kill();
      c.passed();
    }
  }

  /** Closed before and opened after: no query fails, and the server forgets nothing. */
  @ParameterizedTest
  @ValueSource(strings = {Account.PLAIN}) // the server refuses root
  void aConnectionToADatabaseIsOpenedAgain(String account) throws IOException {
    Account who = Skip.unlessAvailable(account);
    Path bin = serverPrograms();
    Path data = Files.createTempDirectory(Tree.WORK, "pg");
    Directories.give(data, who);
    must(who, data, bin + "/initdb -A trust -N -D db");
    must(who, data, bin + "/pg_ctl -w -l log -D db -o \"-F -h '' -k " + data + "\" start");
    try (Computation c = Computation.prepare(who)) {
      must(who, data, bin + "/psql -h " + data + " postgres -c 'create table ticks (n serial)'");
      c.launch(List.of(), command(example("postgres"), "'host=" + data + " dbname=postgres'"));
      c.awaitMoreTicks(2);
      c.checkpoint();
      c.awaitMoreTicks(c.ticks());
      c.checkpoint();
      c.kill();
      c.restart();
      c.awaitMoreTicks(c.ticks());
      c.checkpoint();
      c.awaitMoreTicks(c.ticks());
      assertTrue(!c.output().contains("tick -1"), c.output() + events(c));
      c.kill();
      c.passed();
    } finally {
      must(who, data, bin + "/pg_ctl -m immediate -D db stop");
    }
    Directories.delete(data);
  }

  private static Path serverPrograms() throws IOException {
    Path all = Path.of("/usr/lib/postgresql");
    Skip.unless(Files.isDirectory(all), "program-postgres", "no PostgreSQL server is installed");
    try (Stream<Path> versions = Files.list(all)) {
      return versions.sorted().reduce((a, b) -> b).orElseThrow().resolve("bin");
    }
  }

  private static void must(Account who, Path directory, String command) throws IOException {
    Outcome outcome = Command.run(Session.LIMIT, directory, java.util.Map.of(),
        who.command(List.of("sh", "-c", command + " >>said 2>&1")));
    assertEquals(0, outcome.status(),
        command + ": " + outcome.text() + Files.readString(directory.resolve("said")));
  }

  @ParameterizedTest
  @MethodSource("accounts")
  void aPythonProgramAsksForItsOwnCheckpoint(String account) throws IOException {
    Skip.unlessInstalled("python3");
    asksForItsOwn(account, "python3", example("python/initiated.py"));
  }

  @ParameterizedTest
  @MethodSource("accounts")
  void aJavaProgramAsksForItsOwnCheckpoint(String account) throws IOException {
    Path library = Tree.installed().resolve("lib/java");
    String jna;
    try (Stream<Path> jars = Files.list(library)) {
      jna = jars.map(Path::toString).filter(p -> p.matches(".*/jna-[0-9.]+\\.jar")).findFirst()
          .orElseThrow();
    }
    asksForItsOwn(account, "java", "-Xshare:off", "-cp", jna, example("java/Dmtcp.java"));
  }

  private static void asksForItsOwn(String account, String... program) throws IOException {
    try (Computation c = Computation.prepare(Skip.unlessAvailable(account))) {
      c.launch(List.of(), program);
      c.awaitLine("after the checkpoint");
      assertEquals(0, c.job().await(Computation.LIMIT));
      c.restart();
      c.awaitLine("after the restart");
      assertEquals(0, c.job().await(Computation.LIMIT));
      c.passed();
    }
  }

  @ParameterizedTest
  @MethodSource("accounts")
  void theEnvironmentIsChangedAsAFileSays(String account) throws IOException {
    try (Computation c = launch(account, List.of("--modify-env"), example("print_environment"))) {
      c.awaitLine("server unknown");
      c.checkpoint();
      c.kill();
      Files.writeString(c.images().resolve("dmtcp_env.txt"),
          "# a comment\nEXAMPLE_SERVER=\"now \\\"$EXAMPLE_HOST\\\"\"\nHOME\n");
      c.set("EXAMPLE_HOST", "there");
      c.restart();
      c.awaitLine("server now \"there\"");
      c.kill();
      c.passed();
    }
  }

  @ParameterizedTest
  @MethodSource("accounts")
  void whoExecutesTellsTheNewProgramSomething(String account) throws IOException {
    try (Computation c = launch(account, plugins("exec_note"), example("sleeper"))) {
      awaitEvent(c, "note from pid");
      c.awaitLine("tick 1");
      c.checkpoint();
      c.kill();
      c.passed();
    }
  }

  /** The library needs signals while a hook runs; a program that uses them meanwhile sees its own. */
  @ParameterizedTest
  @MethodSource("accounts")
  void signalsAreTheProgramsWhileAHookRuns(String account) throws IOException {
    try (Computation c = Computation.prepare(Skip.unlessAvailable(account))) {
      c.set("FAULT", "slow");
      c.launch(plugins("faulty"), command(example("own_signals")));
      c.awaitLine("tick 1");
      for (int i = 0; i < 2; i++) {
        c.checkpoint();
        c.awaitMoreTicks(c.ticks());
      }
      assertTrue(!c.output().contains("wrong"), c.output());
      c.kill();
      c.passed();
    }
  }
}
