package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every line that scripts written for DMTCP look for, where they look for it. */
@Timeout(value = 3, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class LogLinesIT extends OwnSessionFixture {
  private static final String INTERVAL = "Checkpoint Interval: ";


  static List<String> accounts() {
    return Accounts.names();
  }

  private static void assertLines(String text, String... patterns) {
    List<String> lines = text.lines().map(String::strip).toList();
    for (String pattern : patterns) {
      assertTrue(lines.stream().anyMatch(Pattern.compile(pattern).asMatchPredicate()),
          pattern + " in:\n" + text);
    }
  }

  /** The console of a coordinator: banner, every command's answer, and how it ends. */
  @Test
  void ofTheConsole() throws IOException {
    Path fifo = session.directory().resolve("console");
    session.run("mkfifo", "console");
    Job coordinator = session.start("coordinator", "bash", "-c",
        "exec \"$0\" -p 0 --port-file port --status-file state -i 100 <> console",
        Tree.bin("dmtcp_coordinator"));
    session.await("coordinator.err", "Type '?' for help.");
    String port = session.read("port");
    assertLines(session.read("coordinator.err"), "dmtcp_coordinator starting\\.\\.\\.",
        "Host: \\S+ \\(\\S+\\)", "Port: " + port, INTERVAL + "100", "Exit on last client: 0",
        "Type '\\?' for help\\.");
    session.set("DMTCP_CHECKPOINT_DIR", session.directory().toString());
    Job job = session.start("job", "dmtcp_launch", "-p", port, "sleep", "1000");
    Wait.until(Session.LIMIT, () -> session.run("dmtcp_command", "-p", port, "-s").out(),
        s -> s.contains("RUNNING=yes"), job::complaints);
    type(fifo, "s\nl\nu\ni\ni 7\n?\nnonsense\n");
    session.await("coordinator.err", "unknown command: nonsense");
    assertLines(session.read("coordinator.out").replace("dmtcp> ", ""), "Status\\.\\.\\.",
        "Host: \\S+ \\(\\S+\\)", "Port: " + port, INTERVAL + "100", "Exit on last client: 0",
        "Kill after checkpoint: 0", "Computation Id: \\p{XDigit}+-\\d+-\\p{XDigit}+",
        "Checkpoint Dir: .*", "NUM_PEERS=1", "RUNNING=yes", "Interval changed to 7");
    assertTrue(session.read("coordinator.out").contains("dmtcp> "), "a prompt");
    assertLines(session.read("coordinator.err"), "Client List:",
        "#, PROG\\[virtPID:realPID\\]@HOST, DMTCP-UNIQUEPID, STATE, BARRIER",
        "1, sleep\\[\\d+:\\d+\\]@\\S+, \\S+, WorkerState::RUNNING,.*", "Host List:",
        "HOST => # connected clients", "\\S+ => 1");
    type(fifo, "c\n");
    Wait.until(Session.LIMIT, () -> Directories.names(session.directory()),
        names -> names.contains("dmtcp_restart_script.sh"), coordinator::complaints);
    assertLines(Files.readString(session.directory().resolve("dmtcp_restart_script.sh")),
        "ckpt_timestamp=\"[^\"]+\"");
    type(fifo, "q\n");
    assertEquals(0, coordinator.await(Session.LIMIT), coordinator.complaints());
    assertLines(coordinator.complaints(), "DMTCP coordinator exiting\\.\\.\\. \\(per request\\)");
    assertLines(session.read("state"), "Coordinator started: \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d",
        "Status\\.\\.\\.", "Host: \\S+ \\(\\S+\\)", "Port: " + port, INTERVAL + "100",
        "Coordinator exited: \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d");
    assertEquals(0, job.await(Session.LIMIT), job.complaints());
    job.close();
    coordinator.close();
  }

  private static void type(Path fifo, String text) throws IOException {
    Files.writeString(fifo, text);
  }

  @Test
  void ofADaemon() throws IOException {
    Outcome started = session.run("dmtcp_coordinator", "--daemon", "-p", "0", "--port-file", "port");
    assertEquals(0, started.status(), started.text());
    assertLines(started.err(), "dmtcp_coordinator starting\\.\\.\\.", "Host: .*",
        "Port: " + session.read("port"), INTERVAL + "disabled \\(checkpoint manually instead\\)",
        "Exit on last client: 0", "Backgrounding\\.\\.\\.");
  }

  @Test
  void ofAnEndByASignal() throws IOException {
    Job coordinator = session.start("coordinator", "dmtcp_coordinator", "-p", "0",
        "--status-file", "state");
    session.await("coordinator.err", "Type '?' for help.");
    coordinator.signal("TERM");
    coordinator.await(Session.LIMIT);
    assertLines(session.read("state"), "> Exiting due to signal 15 received\\.");
    coordinator.close();
  }

  @Test
  void ofCommandsThatFail() throws IOException {
    Outcome nobody = session.run("dmtcp_command", "-p", "1", "-s");
    assertEquals(2, nobody.status());
    assertLines(nobody.err(), "Coordinator not found\\. Please check port and host\\.");
    session.set("DMTCP_LOG_FILE", session.directory().resolve("log").toString());
    assertEquals(99, session.run("dmtcp_launch", "--join", "-p", "1", "true").status());
    assertLines(session.read("log"),
        "\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d ERROR dmtcp_launch: .* \\[coordinator-unreachable\\]");
  }

  /** Three lines, as with DMTCP; nothing for others, nor when it is meant. */
  @ParameterizedTest
  @MethodSource("accounts")
  void ofARestartByRoot(String name) throws IOException {
    Account account = Skip.unlessAvailable(name);
    String warning = "running as root";
    try (Session here = new Session(account)) {
      Files.writeString(here.directory().resolve("x.dmtcp"), "no image");
      Directories.give(here.directory().resolve("x.dmtcp"), account);
      List<String> said = here.run("dmtcp_restart", "x.dmtcp").err().lines().toList();
      if (name.equals(Account.ROOT)) {
        assertTrue(said.get(0).contains(warning), said::toString);
        assertTrue(said.get(3).contains("error: "), said::toString);
      } else {
        assertTrue(said.get(0).contains("error: "), said::toString);
      }
      for (String option : List.of("--no-strict-checking", "-q -q")) {
        Outcome outcome =
            here.run("bash", "-c", Tree.bin("dmtcp_restart") + " " + option + " x.dmtcp");
        assertEquals(99, outcome.status());
        assertTrue(!outcome.err().contains(warning), outcome.err());
      }
    }
  }
}
