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
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Programs that checkpoint themselves with libmtcp: no coordinator, no JVM, no launch command. */
@Timeout(value = 3, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class MtcpIT {
  static Stream<Arguments> programs() {
    return Accounts.names().stream()
        .flatMap(
            account ->
                Stream.of("dynamic", "static").map(form -> Arguments.of(account, form)));
  }

  /** A session in which {@code cycles} is built and the engine can be found. */
  private static Session session(String account, String form) throws IOException {
    return session(account, form, "mtcp_cycles");
  }

  private static Session session(String account, String form, String program)
      throws IOException {
    Session session = new Session(Skip.unlessAvailable(account));
    Path bin = Tree.installed().resolve("bin");
    session.set("PATH", bin + ":" + System.getenv("PATH"));
    List<String> line = new ArrayList<>(List.of("gcc", "-O1", "-g", "-Wall", "-Wextra", "-Werror"));
    line.add("-I" + Tree.SOURCE.resolve("native-engine/include"));
    line.addAll(List.of("-o", session.directory().resolve("cycles").toString()));
    line.add(Tree.SOURCE.resolve("it/programs").resolve(program + ".c").toString());
    link(line, form);
    Outcome made = Command.run(Session.LIMIT, line.toArray(String[]::new));
    assertEquals(0, made.status(), made.text());
    return session;
  }

  private static void link(List<String> line, String form) throws IOException {
    Path lib = Tree.installed().resolve("lib/dmtcp");
    if (form.equals("static")) {
      line.addAll(List.of("-static", lib.resolve("libmtcp.a").toString(), "-lpthread"));
    } else {
      line.addAll(List.of("-L" + lib, "-lmtcp", "-Wl,-rpath," + lib, "-lpthread"));
    }
  }

  /** Its standard output is a pipe into a file, since a restart would cut back the file itself. */
  private static Job start(Session session, String name, String command) throws IOException {
    return session.start(name, "sh", "-c", "{ " + command + " 2>&1; echo status $?; } | cat");
  }

  private static String finished(Session session, String name, Job job) throws IOException {
    job.await(Session.LIMIT);
    String out = session.read(name + ".out");
    assertTrue(out.endsWith("ok\nstatus 0\n"), name + ": " + out + job.complaints());
    return out;
  }

  private static void endOnceSaid(Session session, String name, Job job, String text)
      throws IOException {
    try (job) {
      session.await(name + ".out", text);
    }
  }

  private static Job restart(Session session, String name) throws IOException {
    return start(session, name, Tree.bin("mtcp_restart") + " image");
  }

  @ParameterizedTest
  @MethodSource("programs")
  void goesOnAfterItsCheckpointAndIsRestartedFromItTwice(String account, String form)
      throws IOException {
    try (Session session = session(account, form)) {
      try (Job job = start(session, "first", "./cycles image now")) {
        String out = finished(session, "first", job);
        assertTrue(out.contains("checkpoint 0 generation 1\n"), out);
      }
      for (String name : List.of("second", "third")) {
        try (Job job = restart(session, name)) {
          String out = finished(session, name, job);
          assertTrue(out.contains("restarted 0 generation 1\n"), out);
          assertFalse(out.contains("checkpoint 0"), out);
        }
      }
      assertEquals(List.of("image"), images(session));
    }
  }

  private static List<String> images(Session session) throws IOException {
    return Directories.names(session.directory()).stream()
        .filter(name -> name.startsWith("image"))
        .toList();
  }

  /** Every checkpoint but the first is made by a restarted program. */
  @ParameterizedTest
  @MethodSource("programs")
  void fiveCyclesOneAfterTheOther(String account, String form) throws IOException {
    try (Session session = session(account, form)) {
      Job job = start(session, "cycle0", "./cycles image repeated");
      for (int i = 0; i < 5; i++) {
        endOnceSaid(session, "cycle" + i, job, "checkpoint " + i + " generation " + (i + 1));
        job = restart(session, "cycle" + (i + 1));
      }
      try (Job last = job) {
        String out = finished(session, "cycle5", last);
        assertTrue(out.contains("restarted 4 generation 5\n"), out);
      }
    }
  }

  /** The last image has the last checkpoint: what is restarted ends at once. */
  @ParameterizedTest
  @MethodSource("programs")
  void severalThreadsAskAtOnce(String account, String form) throws IOException {
    try (Session session = session(account, form)) {
      try (Job job = start(session, "first", "./cycles image together")) {
        assertTrue(finished(session, "first", job).contains("checkpoint\n"));
      }
      try (Job job = restart(session, "second")) {
        assertTrue(finished(session, "second", job).contains("restarted\n"));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("programs")
  void byTheClock(String account, String form) throws IOException {
    try (Session session = session(account, form)) {
      Job first = start(session, "first", "./cycles image clock");
      endOnceSaid(session, "first", first, "checkpoint\ncheckpoint\n");
      try (Job job = restart(session, "second")) {
        finished(session, "second", job);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("programs")
  void onASignal(String account, String form) throws IOException {
    try (Session session = session(account, form)) {
      String command = "sh -c 'echo $$ >pid; exec ./cycles image signal'";
      Job first = start(session, "first", command);
      session.await("first.out", "ready");
      Command.run(Session.LIMIT, "kill", "-USR1", session.read("pid").strip());
      endOnceSaid(session, "first", first, "checkpoint\n");
      try (Job job = restart(session, "second")) {
        finished(session, "second", job);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("programs")
  void failureIsToldAndTheProgramGoesOn(String account, String form) throws IOException {
    try (Session session = session(account, form);
        Mount full = Mount.small(session)) {
      session.set("FULL_DIRECTORY", full.path().toString());
      try (Job job = start(session, "first", "./cycles image failing")) {
        String out = finished(session, "first", job);
        assertEquals(full.isThere() ? 5 : 4, out.split("told: ", -1).length - 1, out);
        assertTrue(!full.isThere() || out.contains("[disk-full]"), out);
      }
      try (Job job = restart(session, "second")) {
        assertTrue(finished(session, "second", job).contains("restarted 0 generation 1\n"));
      }
    }
  }

  /** Without standard input, output and error; and the last of them is restarted twice. */
  @ParameterizedTest
  @MethodSource("programs")
  void twentyTimesInARow(String account, String form) throws IOException {
    try (Session session = session(account, form, "mtcp_often")) {
      Outcome first = session.run("sh", "-c", "./cycles image log");
      assertEquals(0, first.status(), first.text() + session.read("log"));
      String said = session.read("log");
      assertEquals(21, said.lines().count(), said);
      assertTrue(said.endsWith("checkpoint 20\nok\n"), said);
      for (int i = 0; i < 2; i++) {
        Outcome again = session.run("sh", "-c", Tree.bin("mtcp_restart") + " image");
        assertEquals(0, again.status(), again.text());
        assertTrue(session.read("log").endsWith("checkpoint 19\nrestarted 20\nok\n"),
            session.read("log"));
      }
    }
  }

  @Test
  void exampleInCxx() throws IOException {
    Skip.unlessInstalled("g++");
    try (Session session = new Session(Skip.unlessAvailable(Account.PLAIN))) {
      List<String> line = new ArrayList<>(List.of("g++", "-O1", "-Wall", "-Wextra", "-Werror"));
      line.add("-I" + Tree.SOURCE.resolve("native-engine/include"));
      line.addAll(List.of("-o", session.directory().resolve("primes").toString()));
      line.add(Tree.SOURCE.resolve("plugin/mtcp/primes.cc").toString());
      link(line, "dynamic");
      Outcome made = Command.run(Session.LIMIT, line.toArray(String[]::new));
      assertEquals(0, made.status(), made.text());
      String result = "17984 primes below 200000, restarted ";
      Outcome first = session.run("sh", "-c", "./primes image 200000 2>&1 | cat");
      assertEquals(result + "0 times\n", first.out(), first.text());
      String restart = Tree.bin("mtcp_restart") + " image 2>&1 | cat";
      Outcome second = session.run("sh", "-c", restart);
      assertTrue(second.out().endsWith(result + "1 times\n"), second.text());
    }
  }

  @Test
  void restartCommandExplainsItself() throws IOException {
    try (Session session = new Session(Skip.unlessAvailable(Account.PLAIN))) {
      String command = Tree.bin("mtcp_restart");
      assertEquals(0, session.run(command, "--help").status());
      assertEquals(1, session.run(command).status());
      Outcome missing = session.run(command, "nothing");
      assertEquals(99, missing.status(), missing.text());
      assertTrue(missing.err().contains("[image-unreadable]"), missing.text());
      Files.writeString(session.directory().resolve("text"), "this is no image");
      Outcome text = session.run(command, "text");
      assertTrue(text.err().contains("[image-not-ours]"), text.text());
    }
  }

  /** A file system that is soon full, where we may mount one. */
  private record Mount(Path path, boolean isThere) implements AutoCloseable {
    static Mount small(Session session) throws IOException {
      Path path = Files.createDirectory(session.directory().resolve("small"));
      if (!Accounts.runsAsRoot()) {
        return new Mount(path.resolve("absent"), false);
      }
      String options = "size=32k,uid=" + session.account().uid();
      Outcome made =
          Command.run(
              Session.LIMIT, "mount", "-t", "tmpfs", "-o", options, "small", path.toString());
      assertEquals(0, made.status(), made.text());
      return new Mount(path, true);
    }

    @Override
    public void close() throws IOException {
      if (isThere) {
        Command.run(Session.LIMIT, "umount", path.toString());
      }
    }
  }
}
