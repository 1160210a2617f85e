package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Coordinators that die and their successors; restarts of a part of a computation. */
@Timeout(value = 5, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class TakeoverIT {
  private Session session;
  private final List<Job> jobs = new ArrayList<>();

  @BeforeEach
  void begin() throws IOException {
    session = new Session(Accounts.find(Account.PLAIN).orElseThrow());
  }

  @AfterEach
  void end() throws IOException {
    session.close();
    for (Job job : jobs) {
      job.close();
    }
  }

  @Test
  void processesOutliveTheirCoordinatorAndTheNextOneTakesThemOver() throws IOException {
    Job first = start("first", "dmtcp_coordinator", "--port", "0", "--port-file", "port");
    String port = awaitPort();
    start("program", "dmtcp_launch", "sleep", "100");
    awaitPeers(1);
    assertEquals(0, session.run("dmtcp_command", "-bc").status());
    String id = computationId();
    first.signal("KILL");
    first.await(Session.LIMIT);

    start("second", "dmtcp_coordinator", "--port", port);
    awaitPeers(1);
    Outcome checkpoint = session.run("dmtcp_command", "-bc");
    assertEquals(0, checkpoint.status(), checkpoint.text());
    assertEquals(id, computationId(), "the computation stays the same one");
    String manifest = session.read("dmtcp_manifest_" + id + ".json");
    assertTrue(manifest.contains("\"generation\" : 2"), manifest);
  }

  /** Whoever asks it is refused at once, and served again by the next one. */
  @Test
  void theStoreComesBackWithTheNextCoordinator() throws IOException {
    Examples.build();
    Job first = start("first", "dmtcp_coordinator", "--port", "0", "--port-file", "port");
    String port = awaitPort();
    start("program", "dmtcp_launch", Examples.path("store_ticker"));
    session.await("program.out", "stored");
    first.signal("KILL");
    first.await(Session.LIMIT);
    session.await("program.out", "refused");

    start("second", "dmtcp_coordinator", "--port", port);
    Wait.until(Session.LIMIT, () -> session.read("program.out"),
        s -> s.lastIndexOf("stored") > s.indexOf("refused"), jobs.get(1)::complaints);
    assertTrue(!session.read("program.out").contains("wrong"), session.read("program.out"));
    awaitPeers(1);
  }

  /** In the midst of a round, in which a hook waits: the round is over, and nobody is hurt. */
  @Test
  void aBarrierEndsWithItsCoordinator() throws IOException {
    Examples.build();
    Job first = start("first", "dmtcp_coordinator", "--port", "0", "--port-file", "port");
    awaitPort();
    for (String fault : List.of("barrier", "none")) {
      session.set("FAULT", fault);
      start(fault, "dmtcp_launch", "--with-plugin", Examples.list("faulty", "event_printer"),
          Examples.path("sleeper"));
      session.await(fault + ".out", "tick 1");
    }
    awaitPeers(2);
    start("round", "dmtcp_command", "-bc");
    session.await("barrier.err", "event PRESUSPEND");
    session.await("none.err", "event PRECHECKPOINT");
    first.signal("KILL");
    first.await(Session.LIMIT);
    for (String name : List.of("barrier", "none")) {
      session.await(name + ".err", "resumed");
      long before = session.read(name + ".out").lines().count();
      Wait.until(Session.LIMIT, () -> session.read(name + ".out").lines().count(),
          n -> n > before, () -> name + " runs; " + jobs.stream().map(Job::complaints).toList());
    }
  }

  @Test
  void aRestartWaitsForTheMissingByNameAndCanBeForced() throws IOException {
    List<Path> images = checkpointTwoPrograms();
    Job half = start("half", "dmtcp_restart", images.get(0).toString());
    session.await("half.err", "waiting for");
    String missing = images.get(1).getFileName().toString().replaceAll(".*_|\\.dmtcp", "");
    assertTrue(half.complaints().contains(missing), half.complaints());

    Outcome forced = session.run("dmtcp_command", "f");
    assertEquals(0, forced.status(), forced.text());
    awaitPeers(1);
  }

  @Test
  void twoRestartsOfHalvesMakeOneComputation() throws IOException {
    List<Path> images = checkpointTwoPrograms();
    start("half", "dmtcp_restart", images.get(0).toString());
    session.await("half.err", "waiting for");
    start("rest", "dmtcp_restart", "--join-coordinator", images.get(1).toString());
    awaitPeers(2);

    Outcome checkpoint = session.run("dmtcp_command", "-bc");
    assertEquals(0, checkpoint.status(), checkpoint.text());
  }

  // ---- what the tests do

  private Job start(String name, String... words) throws IOException {
    Job job = session.start(name, words);
    jobs.add(job);
    return job;
  }

  private String awaitPort() throws IOException {
    String port =
        Wait.until(
            Session.LIMIT, () -> session.read("port"), p -> !p.isEmpty(), () -> "the port file");
    session.set("DMTCP_COORD_PORT", port);
    return port;
  }

  private void awaitPeers(int count) throws IOException {
    Wait.until(
        Session.LIMIT,
        () -> session.run("dmtcp_command", "-s").out(),
        s -> s.contains("NUM_PEERS=" + count + "\n") && s.contains("RUNNING=yes"),
        () -> count + " peers; " + jobs.stream().map(Job::complaints).toList());
  }

  /** That of the first process, and so in the name of the manifest. */
  private String computationId() throws IOException {
    return Directories.names(session.directory()).stream()
        .filter(name -> name.startsWith("dmtcp_manifest_") && name.endsWith(".json"))
        .map(name -> name.replaceAll("dmtcp_manifest_|\\.json", ""))
        .findFirst()
        .orElseThrow();
  }

  /** Checkpointed and killed, with a coordinator that stays. */
  private List<Path> checkpointTwoPrograms() throws IOException {
    start("coordinator", "dmtcp_coordinator", "--port", "0", "--port-file", "port");
    awaitPort();
    Job one = start("one", "dmtcp_launch", "sleep", "100");
    Job two = start("two", "dmtcp_launch", "sleep", "101");
    awaitPeers(2);
    assertEquals(0, session.run("dmtcp_command", "-bc").status());
    assertEquals(0, session.run("dmtcp_command", "-k").status());
    one.await(Session.LIMIT);
    two.await(Session.LIMIT);
    try (var images = Files.newDirectoryStream(session.directory(), "ckpt_*.dmtcp")) {
      List<Path> found = new ArrayList<>();
      images.forEach(found::add);
      assertEquals(2, found.size());
      return found;
    }
  }
}
