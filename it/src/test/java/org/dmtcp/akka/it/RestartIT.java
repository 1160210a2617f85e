package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The ways in which a user restarts: where, how often, beside what, and what comes out of it. */
@Timeout(value = 3, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class RestartIT {
  private static final Pattern PIDS = Pattern.compile("\\[(\\d+):(\\d+)\\]");

  @BeforeAll
  static void build() throws IOException {
    Victims.build();
  }

  static List<String> accounts() {
    return Accounts.names();
  }

  private static Account plain() throws IOException {
    return Accounts.find(Account.PLAIN).orElseThrow();
  }

  private static Path image(Path directory) throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      return files
          .filter(file -> file.toString().endsWith(".dmtcp"))
          .findFirst()
          .orElseThrow(() -> new AssertionError("no image in " + directory));
    }
  }

  private static Matcher pids(Coordinator coordinator) throws IOException {
    Matcher pids = PIDS.matcher(coordinator.must("--list"));
    assertTrue(pids.find(), "a process in the list");
    return pids;
  }

  @ParameterizedTest
  @MethodSource("accounts")
  void besideTheOriginalThatStillRuns(String name) throws IOException {
    Account account = Skip.unlessAvailable(name);
    try (Computation original = Computation.launch(account, "sleep", "1000");
        Coordinator second = Coordinator.start(account);
        Session session = new Session(second)) {
      original.coordinator().awaitPeers(1);
      original.checkpoint();
      String image = image(original.images()).toString();
      try (Job copy = session.start("copy", "dmtcp_restart", image)) {
        second.awaitPeers(1);
        Matcher one = pids(original.coordinator());
        Matcher other = pids(second);
        assertEquals(one.group(1), other.group(1), "the pid that the program sees");
        assertNotEquals(one.group(2), other.group(2), "the pid that the host sees");
        second.must("-k");
        copy.await(Session.LIMIT);
      }
      original.awaitRunning();
      original.kill();
      original.passed();
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 7})
  void exitStatusIsThatOfTheProgram(int status) throws IOException {
    try (Computation computation = Computation.prepare(plain())) {
      String program = "while [ ! -e go ]; do sleep 0.1; done; exit " + status;
      computation.launch(List.of(), "bash", "-c", program);
      computation.coordinator().awaitPeers(1);
      computation.checkpoint();
      computation.kill();
      computation.restart();
      computation.awaitRunning();
      Files.createFile(computation.work().resolve("go"));
      assertEquals(status, computation.job().await(Session.LIMIT), computation::tail);
      computation.passed();
    }
  }

  private static final String LISTENER = """
      import socket, time
      s = socket.create_server(("127.0.0.1", 0))
      print("port", s.getsockname()[1], flush=True)
      for i in range(100000):
          print("tick", i, flush=True)
          time.sleep(0.1)
      """;

  /** It has announced itself to the coordinator by then, which must not wait for it any longer. */
  @ParameterizedTest
  @MethodSource("accounts")
  void aRestartThatFailsLateCanBeTypedAgain(String name) throws IOException {
    Account account = Skip.unlessAvailable(name);
    Skip.unlessInstalled("python3");
    try (Computation computation = Computation.launch(account, "python3", "-c", LISTENER)) {
      computation.awaitLine("tick 3");
      computation.checkpointAndKill();
      long ticks = computation.ticks();
      int port = Integer.parseInt(computation.output().lines()
          .filter(line -> line.startsWith("port ")).findFirst().orElseThrow().substring(5));
      try (ServerSocket taken = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
        assertEquals(port, taken.getLocalPort());
        computation.restart();
        assertEquals(99, computation.job().await(Session.LIMIT), computation::tail);
      }
      computation.restart();
      computation.awaitMoreTicks(ticks);
      computation.kill();
      computation.passed();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"TERM", "KILL", "USR2"})
  void deathByASignalIsPassedOn(String signal) throws IOException {
    try (Computation computation = Computation.launch(plain(), "sleep", "1000")) {
      computation.coordinator().awaitPeers(1);
      computation.checkpoint();
      computation.kill();
      computation.restart();
      computation.awaitRunning();
      String real = pids(computation.coordinator()).group(2);
      Command.run(Session.LIMIT, "kill", "-" + signal, real);
      int number = signal.equals("TERM") ? 15 : signal.equals("KILL") ? 9 : 12;
      assertEquals(128 + number, computation.job().await(Session.LIMIT), computation::tail);
      computation.passed();
    }
  }

  @Test
  void aCheckpointAsSoonAsItIsSaidToRun() throws IOException {
    try (Computation computation = Computation.launch(plain(), Tree.victim("tcp_pairs"))) {
      computation.awaitLine("ready");
      for (int cycle = 0; cycle < 3; cycle++) {
        computation.checkpoint();
        computation.kill();
        computation.restart();
        computation.awaitRunning();
      }
      computation.checkpoint();
      computation.finish();
      computation.passed();
    }
  }

  @ParameterizedTest
  @MethodSource("accounts")
  void aSignalToWhoStandsReadyIsNotLost(String name) throws IOException {
    Account account = Skip.unlessAvailable(name);
    for (boolean kills : List.of(false, true)) {
      try (Computation first = Computation.launch(account, Tree.victim("counter"));
          Session other = new Session(first.coordinator())) {
        first.awaitMoreTicks(0);
        Job second = other.start("second", "dmtcp_launch", "sleep", "1000");
        first.coordinator().awaitPeers(2);
        first.checkpoint();
        first.kill();
        second.await(Session.LIMIT);
        Job ready = other.start("ready", "dmtcp_restart", image(first.images()).toString());
        other.await("ready.err", "sleep");
        ProcessHandle built = ProcessHandle.of(ready.pid()).orElseThrow().descendants()
            .filter(process -> process.info().command().orElse("").endsWith("counter"))
            .findFirst().orElseThrow(() -> new AssertionError("a counter that stands ready"));
        Command.run(Session.LIMIT, "kill", kills ? "-KILL" : "-USR1",
            String.valueOf(built.pid()));
        try (Job rest = other.start("rest", "dmtcp_restart", image(other.directory()).toString())) {
          assertEquals(kills ? 128 + 9 : 0, ready.await(Session.LIMIT), ready::complaints);
          assertEquals(!kills, first.output().endsWith("\nok\n"), first::tail);
          first.coordinator().must("-k");
          rest.await(Session.LIMIT);
        }
        first.passed();
      }
    }
  }

  @Test
  void fromAnotherDirectoryWithTheImagesMoved() throws IOException {
    try (Computation computation = Computation.launch(plain(), Tree.victim("counter"));
        Session elsewhere = new Session(computation.coordinator())) {
      computation.awaitMoreTicks(0);
      computation.checkpoint();
      computation.kill();
      Path moved = elsewhere.directory().resolve("moved here");
      Files.move(computation.images(), moved);
      Files.createDirectory(computation.images());
      Directories.give(computation.images(), computation.account());
      long ticks = computation.ticks();
      String script = computation.coordinator().script().toString();
      try (Job job = elsewhere.start("again", "bash", script, "-d", moved.toString())) {
        Wait.until(Session.LIMIT, computation::ticks, now -> now > ticks, job::complaints);
        computation.coordinator().must("-k");
        job.await(Session.LIMIT);
      }
      computation.passed();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"zstd", "gzip", "lz4", "none"})
  void everyCompression(String codec) throws IOException {
    try (Computation computation = Computation.prepare(plain())) {
      computation.launch(List.of("--compression", codec), Tree.victim("counter"));
      computation.awaitMoreTicks(0);
      computation.checkpoint();
      computation.kill();
      long ticks = computation.ticks();
      computation.restart();
      computation.awaitMoreTicks(ticks);
      computation.finish();
      computation.passed();
    }
  }

  @Test
  void noCompressionByTheEnvironment() throws IOException {
    long[] bytes = new long[2];
    for (int gzip = 0; gzip <= 1; gzip++) {
      try (Computation computation = Computation.prepare(plain())) {
        computation.set("DMTCP_GZIP", String.valueOf(gzip));
        computation.launch(List.of(), Tree.victim("counter"));
        computation.awaitMoreTicks(0);
        computation.checkpoint();
        bytes[gzip] = Files.size(image(computation.images()));
        computation.finish();
        computation.passed();
      }
    }
    assertTrue(bytes[0] > 3 * bytes[1] / 2, "plain " + bytes[0] + ", compressed " + bytes[1]);
  }

  @Test
  void standardOutputThatWasAPipeIsThatOfTheRestart() throws IOException {
    try (Computation computation = Computation.prepare(plain());
        Session session = new Session(computation.coordinator())) {
      String launch = Tree.bin("dmtcp_launch") + " " + Tree.victim("counter");
      session.set("DMTCP_CHECKPOINT_DIR", computation.images().toString());
      Job first = session.start("first", "bash", "-c", launch + " | cat");
      session.await("first.out", "tick 1\n");
      computation.checkpoint();
      computation.coordinator().must("-k");
      first.await(Session.LIMIT);
      first.close();
      computation.coordinator().awaitNobody();
      String script = "bash " + computation.coordinator().script() + " | cat";
      Job again = session.start("again", "bash", "-c", script);
      session.await("again.out", "tick ");
      computation.coordinator().must("-k");
      again.await(Session.LIMIT);
      again.close();
      computation.passed();
    }
  }

  @Test
  void checkpointsComeByThemselves() throws IOException {
    try (Computation computation = Computation.prepare(plain())) {
      computation.launch(List.of("--interval", "1"), Tree.victim("counter"));
      computation.awaitMoreTicks(0);
      Path log = computation.images();
      Wait.until(
          Session.LIMIT,
          () -> Directories.names(log),
          names -> names.stream().anyMatch(n -> n.matches("ckpt_counter_.*\\.dmtcp")),
          computation::tail);
      long first = Files.getLastModifiedTime(image(computation.images())).toMillis();
      Wait.until(
          Session.LIMIT,
          () -> Files.getLastModifiedTime(image(computation.images())).toMillis(),
          now -> now > first,
          computation::tail);
      computation.coordinator().must("-i", "0");
      computation.awaitRunning();
      computation.kill();
      long ticks = computation.ticks();
      computation.restart();
      computation.awaitMoreTicks(ticks);
      computation.finish();
      computation.coordinator().awaitNobody(); // else it joins this one and its interval
      computation.launch(List.of(), Tree.victim("counter"));
      computation.awaitMoreTicks(0);
      assertEquals(0, computation.coordinator().status().get("checkpoint_interval").asInt());
      computation.finish();
      computation.passed();
    }
  }

  @Test
  void uniqueNamesKeepEveryGeneration() throws IOException {
    try (Computation computation = Computation.prepare(plain())) {
      computation.launch(List.of("--enable-unique-checkpoint-filenames"), Tree.victim("counter"));
      computation.awaitMoreTicks(0);
      computation.checkpoint();
      computation.checkpoint();
      List<String> names = Directories.names(computation.images());
      assertTrue(names.stream().anyMatch(n -> n.matches("ckpt_.*_00001")), names.toString());
      assertTrue(names.stream().anyMatch(n -> n.matches("ckpt_.*_00002")), names.toString());
      computation.finish();
      computation.passed();
    }
  }

  /** As ./quickstart does: nothing runs but what the commands start themselves. */
  @ParameterizedTest
  @MethodSource("accounts")
  void withoutACoordinatorStartedByHand(String name) throws IOException {
    try (Session session = new Session(Skip.unlessAvailable(name))) {
      session.set("DMTCP_CHECKPOINT_DIR", session.directory().toString());
      Job job =
          session.start(
              "counter",
              "dmtcp_launch", "--new-coordinator", "--port-file", "port", Tree.victim("counter"));
      session.await("counter.out", "tick 2\n");
      String port = session.read("port");
      assertEquals(0, session.run("dmtcp_command", "-p", port, "-bc").status());
      assertEquals(0, session.run("dmtcp_command", "-p", port, "-k").status());
      job.await(Session.LIMIT);
      job.close();
      Wait.until(Session.LIMIT, session::sockets, List::isEmpty, () -> "the coordinator to end");
      long ticks = lastTick(session);
      Job again = session.start("restart", "bash", "dmtcp_restart_script.sh");
      Wait.until(Session.LIMIT, () -> lastTick(session), now -> now > ticks, again::complaints);
      again.signal("USR1");
      assertEquals(0, again.await(Session.LIMIT), again.complaints());
      again.close();
      assertTrue(session.read("counter.out").endsWith("ok\n"), session.read("counter.out"));
    }
  }

  /** Its parent is init, as it was: there is nobody but the program to be watched. */
  @ParameterizedTest
  @MethodSource("accounts")
  void whoWatchesARestartedDaemonSleeps(String name) throws IOException {
    try (Session session = new Session(Skip.unlessAvailable(name))) {
      session.set("DMTCP_CHECKPOINT_DIR", session.directory().toString());
      Job job =
          session.start(
              "counter",
              "dmtcp_launch", "--new-coordinator", "--port-file", "port",
              "setsid", "-f", Tree.victim("counter"));
      session.await("counter.out", "tick 2\n");
      job.await(Session.LIMIT);
      job.close();
      String port = session.read("port");
      assertEquals(0, session.run("dmtcp_command", "-p", port, "-bc").status());
      assertEquals(0, session.run("dmtcp_command", "-p", port, "-k").status());
      Wait.until(Session.LIMIT, session::sockets, List::isEmpty, () -> "the coordinator to end");
      long killedAt = lastTick(session);
      Job again = session.start("restart", "bash", "dmtcp_restart_script.sh");
      Wait.until(
          Session.LIMIT, () -> lastTick(session), now -> now > killedAt, again::complaints);
      long before = clockTicksOfSupervisors(session);
      long ticks = lastTick(session);
      Wait.until(
          Session.LIMIT, () -> lastTick(session), now -> now > ticks + 15, again::complaints);
      long used = clockTicksOfSupervisors(session) - before;
      assertTrue(used < 15, used + " clock ticks while the program slept 150 of them");
      again.signal("USR1");
      assertEquals(0, again.await(Session.LIMIT), again.complaints());
      again.close();
    }
  }

  /** Time on a processor, of stat: proc(5). The images among the arguments say whose they are. */
  private static long clockTicksOfSupervisors(Session session) throws IOException {
    List<Path> all;
    try (Stream<Path> processes = Files.list(Path.of("/proc"))) {
      all = processes.filter(p -> p.getFileName().toString().matches("\\d+")).toList();
    }
    long ticks = 0;
    int found = 0;
    for (Path process : all) {
      try {
        String arguments = Files.readString(process.resolve("cmdline"));
        if (arguments.startsWith("dmtcp_restart\0--builder\0")
            && arguments.contains(session.directory().toString())) {
          String stat = Files.readString(process.resolve("stat"));
          String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
          ticks += Long.parseLong(fields[11]) + Long.parseLong(fields[12]);
          found++;
        }
      } catch (IOException e) {
        continue; // it has ended
      }
    }
    assertEquals(1, found, "supervisors");
    return ticks;
  }

  private static long lastTick(Session session) throws IOException {
    return session.read("counter.out").lines().filter(l -> l.startsWith("tick ")).count();
  }
}
