package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The life of coordinators: started by hand, by others, several of them, and their console. */
@Timeout(value = 5, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class CoordinatorIT extends OwnSessionFixture {
  /** A console that obeys a file of lines; the file is its standard input's other end. */
  private Job console(String... options) throws IOException {
    List<String> words = new ArrayList<>(List.of("bash", "-c"));
    words.add("mkfifo in; exec 9<>in; exec \"$@\" <in");
    words.add("console");
    words.add(Tree.bin("dmtcp_coordinator"));
    words.addAll(List.of("--port", "0", "--port-file", "port"));
    words.addAll(List.of(options));
    Job job = session.start("console", words.toArray(String[]::new));
    Wait.until(
        Session.LIMIT,
        () -> session.read("port"),
        port -> !port.isEmpty() || job.ended(),
        () -> "a port; " + job.complaints());
    session.set("DMTCP_COORD_PORT", session.read("port"));
    return job;
  }

  private void type(String line) throws IOException {
    Outcome typed = session.run("bash", "-c", "echo '" + line + "' > in");
    assertEquals(0, typed.status(), typed.text());
  }

  @Test
  void consoleObeys() throws IOException {
    Job job = console();
    session.await("console.err", "Type '?' for help.");
    String banner = session.read("console.err");
    assertTrue(banner.contains("dmtcp_coordinator starting..."), banner);
    assertTrue(banner.contains("Port: " + session.read("port")), banner);
    type("?");
    session.await("console.err", "Kill all nodes and quit");
    session.set("DMTCP_CHECKPOINT_DIR", session.directory().toString());
    Job sleep = session.start("sleep", "dmtcp_launch", "sleep", "100");
    Wait.until(
        Session.LIMIT,
        () -> session.run("dmtcp_command", "-s").out(),
        s -> s.contains("NUM_PEERS=1\n  RUNNING=yes"),
        () -> "a peer" + job.complaints());
    type("s");
    session.await("console.out", "NUM_PEERS=1");
    type("l");
    session.await("console.err", "1, sleep[");
    type("c");
    Wait.until(
        Session.LIMIT,
        () -> Files.exists(session.directory().resolve("dmtcp_restart_script.sh")),
        yes -> yes,
        () -> "the script" + job.complaints());
    type("k");
    sleep.await(Session.LIMIT);
    sleep.close();
    type("q");
    assertEquals(0, job.await(Session.LIMIT), job.complaints());
    assertFalse(Files.exists(session.directory().resolve("port")), "port file is left");
    job.close();
  }

  @Test
  void interruptIsQuit() throws IOException {
    Job job = console();
    job.signal("INT");
    assertEquals(0, job.await(Session.LIMIT), job.complaints());
    job.close();
  }

  @Test
  void takenPortIsToldAndIsStatus99() throws IOException {
    Job job = console();
    Outcome second = session.run("dmtcp_coordinator", "--port", session.read("port"));
    assertEquals(99, second.status(), second.text());
    assertTrue(second.err().contains("port-taken"), second.err());
    Outcome third = session.run("dmtcp_coordinator", "--daemon", session.read("port"));
    assertEquals(99, third.status(), third.text());
    assertTrue(third.err().contains("port-taken"), third.err());
    type("q");
    job.await(Session.LIMIT);
    job.close();
  }

  @Test
  void launchesAtOnceShareOneCoordinatorAndQuitLeavesNothing() throws IOException {
    session.set("DMTCP_COORD_PORT", freePort());
    List<Job> sleeps = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      sleeps.add(session.start("sleep" + i, "dmtcp_launch", "sleep", "100"));
    }
    Wait.until(
        Session.LIMIT,
        () -> session.run("dmtcp_command", "-s").out(),
        s -> s.contains("NUM_PEERS=3\n"),
        () -> "three peers; " + sleeps.stream().map(Job::complaints).toList());
    assertEquals(0, session.run("dmtcp_command", "--quit").status());

    try (Stream<Path> left = Files.walk(session.directory())) {
      assertEquals(
          List.of(), left.filter(p -> p.getFileName().toString().startsWith("coord")).toList());
    }
    for (Job sleep : sleeps) {
      sleep.await(Session.LIMIT);
      sleep.close();
    }
  }

  private static String freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0)) {
      return String.valueOf(socket.getLocalPort());
    }
  }

  @Test
  void badOptionIsStatus1() throws IOException {
    for (String[] words : List.of(words("--zork"), words("--port"), words("-p", "x"), words("x"))) {
      List<String> line = new ArrayList<>(List.of("dmtcp_coordinator"));
      line.addAll(List.of(words));
      Outcome outcome = session.run(line.toArray(String[]::new));
      assertEquals(1, outcome.status(), outcome.text());
      assertTrue(outcome.err().contains("bad-option"), outcome.err());
    }
  }

  private static String[] words(String... words) {
    return words;
  }

  @Test
  void timeoutIsStatus1() throws IOException {
    assertEquals(1, session.run("dmtcp_coordinator", "--port", "0", "--timeout", "1").status());
  }

  @Test
  void missingJavaIsToldAtOnce() throws IOException {
    session.set("JAVA_HOME", "/nonexistent");
    Outcome outcome = session.run("dmtcp_coordinator", "--port", "0");
    assertEquals(99, outcome.status());
    assertTrue(outcome.err().contains("[java-missing]"), outcome.err());
  }

  @Test
  void javaIsFoundWithoutPath() throws IOException {
    Outcome outcome = session.run(
        "env", "-u", "PATH", Tree.bin("dmtcp_launch"), "--new-coordinator", "--port-file", "port",
        "/bin/sh", "-c", "exit 3");
    assertEquals(3, outcome.status(), outcome.text());
  }

  @Test
  void launchStartsOneAndItGoesWithTheLastProcess() throws IOException {
    Outcome outcome =
        session.run("dmtcp_launch", "--new-coordinator", "--port-file", "port", "sh", "-c", "exit 3");
    assertEquals(3, outcome.status(), outcome.text());
    assertNotEquals("", session.read("port"));
    Wait.until(
        Session.LIMIT, () -> session.sockets(), List::isEmpty, () -> "the coordinator to end");
  }

  @Test
  void twoLaunchesAtOnceStartOneCoordinator() throws IOException {
    String port = String.valueOf(20000 + ProcessHandle.current().pid() % 10000);
    session.set("DMTCP_COORD_PORT", port);
    List<Job> jobs = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      jobs.add(session.start("job" + i, "dmtcp_launch", "sleep", "100"));
    }
    Wait.until(
        Session.LIMIT,
        () -> session.run("dmtcp_command", "-s").out(),
        s -> s.contains("NUM_PEERS=4"),
        () -> "4 peers; " + jobs.get(0).complaints() + jobs.get(1).complaints());
    assertEquals(1, session.sockets().size());
    assertEquals(0, session.run("dmtcp_command", "-k").status());
    for (Job job : jobs) {
      job.await(Session.LIMIT);
      job.close();
    }
  }

  @Test
  void computationsSideBySide() throws IOException {
    Account plain = Accounts.find(Account.PLAIN).orElseThrow();
    try (Computation one = Computation.launch(plain, "sleep", "100");
        Computation two = Computation.launch(plain, "sleep", "100")) {
      assertNotEquals(one.coordinator().port(), two.coordinator().port());
      one.awaitRunning();
      two.awaitRunning();
      one.kill();
      assertEquals(1, two.coordinator().status().get("num_peers").asInt());
      two.kill();
      one.passed();
      two.passed();
    }
  }

  /** A copy carries the original's marks: neither may touch the other's processes. */
  @Test
  void originalAndCopySideBySide() throws IOException {
    session.set("DMTCP_CHECKPOINT_DIR", session.directory().toString());
    Job original = session.start(
        "original", "dmtcp_launch", "--new-coordinator", "--port-file", "first", "sleep", "300");
    String first = awaitPort("first", original);
    assertEquals(0, session.run("dmtcp_command", "-p", first, "-bc").status());
    Job copy = session.start("copy", "./dmtcp_restart_script.sh", "--coord-port", "0");
    String second = Wait.until(
        Session.LIMIT,
        () -> session.sockets().stream()
            .map(path -> path.getFileName().toString().replaceAll("\\D", ""))
            .filter(port -> !port.equals(first)).findFirst().orElse(""),
        port -> !port.isEmpty() || copy.ended(),
        () -> "a second coordinator; " + copy.complaints());
    awaitOne(second);
    awaitOne(first);
    assertEquals(0, session.run("dmtcp_command", "-p", first, "-bc").status());
    assertEquals(0, session.run("dmtcp_command", "-p", second, "-bc").status());
    assertEquals(0, session.run("dmtcp_command", "-p", second, "-k").status());
    assertEquals(0, copy.await(Session.LIMIT));
    awaitOne(first);
    assertFalse(original.ended());
    assertEquals(0, session.run("dmtcp_command", "-p", first, "-k").status());
    assertEquals(0, original.await(Session.LIMIT));
    original.close();
    copy.close();
  }

  private String awaitPort(String file, Job job) throws IOException {
    String port = Wait.until(
        Session.LIMIT, () -> session.read(file), text -> !text.isEmpty() || job.ended(),
        () -> "a port; " + job.complaints());
    awaitOne(port);
    return port;
  }

  /** Exactly one process, and it runs. */
  private void awaitOne(String port) throws IOException {
    Wait.until(
        Session.LIMIT,
        () -> session.run("dmtcp_command", "-p", port, "-s").out(),
        text -> text.contains("NUM_PEERS=1\n  RUNNING=yes"),
        () -> "one process at " + port);
  }
}
