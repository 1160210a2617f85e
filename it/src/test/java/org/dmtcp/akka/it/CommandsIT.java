package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What {@code dmtcp_launch} and {@code dmtcp_command} take, print and return. */
@Timeout(value = 3, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class CommandsIT extends SessionFixture {
  private static final ObjectMapper JSON = new ObjectMapper();

  static Stream<String> commands() {
    return Stream.of("launch", "restart", "coordinator", "command");
  }

  @ParameterizedTest
  @MethodSource("commands")
  void helpNamesEveryOption(String command) throws IOException {
    Outcome help = session.run("dmtcp_" + command, "--help");
    assertEquals(0, help.status(), help.text());
    for (OptionRow row : OptionRow.all()) {
      if (row.commands().contains(command)) {
        row.names()
            .forEach(name -> assertTrue(help.out().contains("--" + name), "--" + name + help.out()));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("commands")
  void tellsItsVersion(String command) throws IOException {
    Outcome version = session.run("dmtcp_" + command, "--version");
    assertEquals(0, version.status());
    assertTrue(version.out().startsWith("dmtcp_" + command), version.out());
  }

  static Stream<String> launchOptions() throws IOException {
    return OptionRow.all().stream()
        .filter(row -> row.commands().contains("launch"))
        .flatMap(row -> row.names().stream())
        .filter(name -> !List.of("help", "version", "new-coordinator", "with-plugin").contains(name));
  }

  @ParameterizedTest
  @MethodSource("launchOptions")
  void launchTakesEveryOption(String name) throws IOException {
    OptionRow row =
        OptionRow.all().stream()
            .filter(r -> r.commands().contains("launch") && r.names().contains(name))
            .findFirst()
            .orElseThrow();
    List<String> words = new ArrayList<>(List.of("dmtcp_launch", "--" + name));
    if (row.takesValue()) {
      words.add(valueOf(name, row.argument()));
    }
    words.addAll(List.of("sh", "-c", "echo it runs; exit 7"));
    Outcome outcome = session.run(words.toArray(String[]::new));
    assertEquals(7, outcome.status(), outcome.text());
    assertEquals("it runs\n", outcome.out());
    assertEquals("", outcome.err());
  }

  private String valueOf(String name, String argument) {
    return switch (argument) {
      case "HOST" -> "localhost";
      case "SECONDS" -> "0";
      case "CODEC" -> "lz4";
      case "DIR" ->
          name.equals("tmpdir") ? coordinator.environment().get("DMTCP_TMPDIR") : "some/where";
      case "FILE" -> session.directory().resolve("some-file").toString();
      default -> name.contains("port") ? String.valueOf(coordinator.port()) : "10";
    };
  }

  @ParameterizedTest
  @CsvSource({
    "nosuchprogram, 99, program-missing",
    "/etc/passwd, 99, program-not-executable",
    "/tmp, 99, program-not-executable",
    "--nosuchoption, 99, bad-option",
    "--interval, 99, bad-option",
    "--port=seven, 99, bad-option",
    "dmtcp_launch, 99, inside-computation",
  })
  void launchSaysWhatIsWrong(String word, int status, String id) throws IOException {
    Outcome outcome = session.run("dmtcp_launch", word.startsWith("dmtcp_") ? Tree.bin(word) : word);
    assertEquals(status, outcome.status(), outcome.text());
    assertTrue(outcome.err().contains("[" + id + "]"), outcome.err());
    assertEquals(2, outcome.err().lines().count(), "a reason and a remedy: " + outcome.err());
  }

  @Test
  void failureStatusCanBeChosen() throws IOException {
    session.set("DMTCP_FAIL_RC", "42");
    assertEquals(42, session.run("dmtcp_launch", "nosuchprogram").status());
    assertEquals(42, session.run("dmtcp_launch", "--join", "-p", "1", "true").status());
  }

  @Test
  void exitStatusIsThatOfTheProgram() throws IOException {
    assertEquals(0, session.run("dmtcp_launch", "true").status());
    assertEquals(1, session.run("dmtcp_launch", "false").status());
    Job killed = session.start("killed", "dmtcp_launch", "sh", "-c", "kill -TERM $$");
    assertEquals(128 + 15, killed.await(Session.LIMIT));
    killed.close();
  }

  @Test
  void programRunsAsWithoutUs() throws IOException {
    String look =
        "cd -P .; pwd; umask; ulimit -n; ls /proc/self/fd | wc -l; id -u;"
            + " cat /proc/self/status | grep -E '^(SigBlk|SigIgn|SigCgt)'; env | sort";
    Outcome without = session.run("bash", "-c", look);
    Outcome with = session.run("dmtcp_launch", "bash", "-c", look);
    assertEquals(withoutOurs(without.out()), withoutOurs(with.out()));
  }

  private static List<String> withoutOurs(String text) {
    return text.lines().filter(line -> !line.matches(
        "(DMTCP_|_=|SHLVL|LD_PRELOAD=[^:]*/libdmtcp.so$|ASAN_OPTIONS=verify_asan_link_order=0$).*"))
        .toList();
  }

  @Test
  void pidStaysThatOfLaunch() throws IOException {
    Job job = session.start("pid", "dmtcp_launch", "bash", "-c", "echo $$; sleep 60");
    String said = session.await("pid.out", "\n").strip();
    assertEquals(String.valueOf(job.pid()), said);
    coordinator.must("-k");
    job.await(Session.LIMIT);
    job.close();
  }

  @Test
  void portFileHoldsThePort() throws IOException {
    session.run("dmtcp_launch", "--port-file", "port", "true");
    assertEquals(String.valueOf(coordinator.port()), session.read("port"));
  }

  @Test
  void nocheckpointLeavesTheComputation() throws IOException {
    Job job =
        session.start(
            "inside",
            "dmtcp_launch",
            "bash",
            "-c",
            Tree.bin("dmtcp_nocheckpoint") + " env; echo then; sleep 60");
    String said = session.await("inside.out", "then");
    assertTrue(said.contains("DMTCP_NOCHECKPOINT=1"), said);
    assertTrue(!said.contains("DMTCP_COMPUTATION_ID"), said);
    coordinator.must("-k");
    job.await(Session.LIMIT);
    job.close();
  }

  @Test
  void programCanAskForItsOwnCheckpoint() throws IOException {
    session.set("DMTCP_CHECKPOINT_DIR", session.directory().toString());
    String program =
        "echo before; " + Tree.bin("dmtcp_command") + " --checkpoint; sleep 2; echo after";
    Job job = session.start("own", "dmtcp_launch", "bash", "-c", program);
    assertEquals(0, job.await(Session.LIMIT), job.complaints());
    job.close();
    assertEquals("before\nafter\n", session.read("own.out"));
    coordinator.awaitNobody();
    Job again = session.start("again", "bash", coordinator.script().toString());
    assertEquals(0, again.await(Session.LIMIT), again.complaints());
    again.close();
    assertEquals("before\nafter\n", session.read("own.out"));
  }

  // ---- dmtcp_command ----

  @Test
  void statusAndListAsText() throws IOException {
    Job job = session.start("sleep", "dmtcp_launch", "sleep", "100");
    coordinator.awaitPeers(1);
    assertEquals(
        "Coordinator:\n  Host: localhost\n  Port: "
            + coordinator.port()
            + "\nStatus...\n  NUM_PEERS=1\n  RUNNING=yes\n  CKPT_INTERVAL=0 (checkpoint manually)\n",
        coordinator.must("--status"));
    String list = coordinator.must("-l");
    assertTrue(
        list.contains(
            "Client List:\n#, PROG[virtPID:realPID]@HOST, DMTCP-UNIQUEPID, STATE, BARRIER\n"),
        list);
    assertTrue(
        list.lines()
            .anyMatch(
                line ->
                    line.matches(
                        "1, sleep\\[\\d+:\\d+\\]@\\S+, \\p{XDigit}+-\\d+-\\p{XDigit}+,"
                            + " WorkerState::RUNNING, .*")),
        list);
    assertEquals("", coordinator.must("-c"));
    awaitRunning();
    assertEquals("", coordinator.must("-bc"));
    assertEquals("Interval changed to 1000\n", coordinator.must("-i", "1000"));
    assertTrue(coordinator.must("s").contains("CKPT_INTERVAL=1000"));
    assertEquals("Interval changed to 0\n", coordinator.must("-i0"));
    assertEquals("", coordinator.must("--kill"));
    job.await(Session.LIMIT);
    job.close();
  }

  @Test
  void statusAndListAsJson() throws IOException {
    Job job = session.start("sleep", "dmtcp_launch", "sleep", "100");
    coordinator.awaitPeers(1);
    String start =
        "{\"schema_version\":1,\"command\":\"%s\",\"command_status\":\"DMT_COORD_SUCCESS\","
            + "\"coordinator_host\":\"localhost\",\"coordinator_port\":"
            + coordinator.port();
    assertEquals(
        String.format(start, "DMT_STATUS")
            + ",\"num_peers\":1,\"running\":true,\"checkpoint_interval\":0}\n",
        coordinator.must("--json", "-s"));
    JsonNode list = JSON.readTree(coordinator.must("--json", "list"));
    assertTrue(list.get("workers").asText().contains("sleep["), list.toString());
    assertEquals(
        String.format(start, "DMT_BLOCKING_CKPT") + ",\"num_peers\":1}\n",
        coordinator.must("--json", "bc"));
    assertEquals(
        String.format(start, "DMT_UPDATE_CKPT_INTERVAL") + ",\"checkpoint_interval\":0}\n",
        coordinator.must("--json", "i", "0"));
    assertEquals(String.format(start, "DMT_KILL") + "}\n", coordinator.must("--json", "k"));
    job.await(Session.LIMIT);
    job.close();
  }

  /** How many lines come depends on the disk; the answer is the last one, and every one is JSON. */
  @Test
  void progressIsJsonLinesBeforeTheAnswer() throws IOException {
    Job job = session.start("big", "dmtcp_launch", "--compression", "gzip", "python3", "-c",
        "import os, time\ncontent = os.urandom(60 << 20)\nprint('ready', flush=True)\ntime.sleep(100)");
    session.await("big.out", "ready");
    coordinator.awaitPeers(1);
    List<String> lines = coordinator.must("--json", "--progress", "-bc").lines().toList();
    for (String line : lines.subList(0, lines.size() - 1)) {
      JsonNode progress = JSON.readTree(line);
      assertTrue(progress.get("done_bytes").asLong() <= progress.get("total_bytes").asLong(), line);
      assertTrue(!progress.get("phase").asText().isEmpty(), line);
    }
    assertEquals("DMT_BLOCKING_CKPT",
        JSON.readTree(lines.get(lines.size() - 1)).get("command").asText());
    assertEquals(1, coordinator.must("--json", "-bc").lines().count(), "only what is expected");
    assertEquals("", coordinator.must("--quiet", "-bc"));
    coordinator.must("-k");
    job.await(Session.LIMIT);
    job.close();
  }

  @Test
  void checkpointOfNothingIsRefused() throws IOException {
    for (String command : List.of("-c", "-bc", "-kc")) {
      Outcome outcome = coordinator.command(command);
      assertEquals(2, outcome.status(), outcome.text());
      assertEquals("", outcome.out());
      assertTrue(outcome.err().contains("not in the running state"), outcome.err());
      JsonNode json = JSON.readTree(coordinator.command("--json", command).out());
      assertEquals("DMT_COORD_NOT_RUNNING", json.get("command_status").asText());
    }
    assertEquals(0, coordinator.command("-k").status());
  }

  @Test
  void killAfterCheckpointEndsTheProgram() throws IOException {
    session.set("DMTCP_CHECKPOINT_DIR", session.directory().toString());
    Job job = session.start("sleep", "dmtcp_launch", "sleep", "100");
    coordinator.awaitPeers(1);
    assertEquals("", coordinator.must("-kc"));
    job.await(Session.LIMIT);
    job.close();
    coordinator.awaitNobody();
    assertTrue(
        Directories.names(session.directory()).stream()
            .anyMatch(name -> name.matches("ckpt_sleep_.*\\.dmtcp")));
  }

  @Test
  void usageAndWrongAddress() throws IOException {
    assertAll(
        () -> assertEquals(1, session.run("dmtcp_command").status()),
        () -> assertEquals(1, session.run("dmtcp_command", "frobnicate").status()),
        () -> assertEquals(1, session.run("dmtcp_command", "-i").status()),
        () -> assertEquals(2, session.run("dmtcp_command", "--json").status()),
        () -> assertEquals(2, session.run("dmtcp_command", "-p", "1", "-s").status()),
        () ->
            assertEquals(
                "DMT_COORD_NOT_FOUND",
                JSON.readTree(session.run("dmtcp_command", "-p1", "--json", "-s").out())
                    .get("command_status")
                    .asText()));
  }

  @Test
  void someoneElseIsNotLetIn() throws IOException {
    Account root = Skip.unlessAvailable(Account.ROOT);
    try (Coordinator theirs = Coordinator.start(root)) {
      Outcome outcome =
          session
              .set("DMTCP_TMPDIR", theirs.environment().get("DMTCP_TMPDIR"))
              .run("dmtcp_command", "-p", String.valueOf(theirs.port()), "-s");
      assertNotEquals(0, outcome.status(), outcome.text());
    }
  }

  private void awaitRunning() throws IOException {
    Wait.until(
        Session.LIMIT,
        () -> coordinator.status().get("running").asBoolean(),
        yes -> yes,
        () -> "running" + coordinator.log());
  }
}
