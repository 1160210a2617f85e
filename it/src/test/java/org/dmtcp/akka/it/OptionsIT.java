package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The table of options, row by row: each one does what its help says, or its help says why not. */
@Timeout(value = 3, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class OptionsIT extends SessionFixture {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final List<String> COMMANDS = List.of("coordinator", "launch", "restart", "command");

  /** What a test of its own is about. */
  private static final Set<String> ELSEWHERE = Set.of(
      "launch with-plugin", "launch modify-env", "launch pathvirt", // the tests of plugins
      "launch disable-ssh-plugin", // those of several hosts
      "launch disable-ipc-plugin",
      "launch disable-all-plugins",
      "coordinator write-kv-data",
      "restart no-strict-checking", // ImageIT
      "restart manifest-id", // HostLossIT
      "command progress"); // CommandsIT

  // Places in the header of an image: docs/image-format.md.
  private static final int CODEC_AT = 36;
  private static final int OPTIONS_AT = 440;

  @BeforeEach
  void imagesGoHere() {
    session.set("DMTCP_CHECKPOINT_DIR", session.directory().toString());
  }

  static Stream<String> rows() throws IOException {
    List<String> all = new ArrayList<>();
    for (OptionRow row : OptionRow.all()) {
      if (!row.isIgnored()) {
        COMMANDS.stream().filter(row.commands()::contains)
            .map(command -> command + " " + row.names().get(0))
            .filter(text -> !ELSEWHERE.contains(text)).forEach(all::add);
      }
    }
    return all.stream();
  }

  @ParameterizedTest
  @MethodSource("rows")
  void doesWhatItsHelpSays(String row) throws IOException {
    String[] words = row.split(" ");
    switch (words[0]) {
      case "launch" -> launch(words[1]);
      case "restart" -> restart(words[1]);
      case "coordinator" -> coordinator(words[1]);
      default -> command(words[1]);
    }
  }

  // ---- launch

  private void launch(String name) throws IOException {
    switch (name) {
      case "coord-host" -> fails("coordinator-unreachable", "dmtcp_launch", "--join",
          "--coord-host", "no.such.host.invalid", "true");
      case "coord-port" -> fails("coordinator-unreachable", "dmtcp_launch", "--join",
          "--coord-port", "1", "true");
      case "join-coordinator" -> fails("coordinator-unreachable", "dmtcp_launch", "-p", "1",
          "--join-coordinator", "true");
      case "new-coordinator" -> fails("port-taken", "dmtcp_launch", "--new-coordinator", "true");
      case "any-coordinator" -> runs("dmtcp_launch", "--any-coordinator", "true");
      case "port-file" -> {
        runs("dmtcp_launch", "--port-file", "port", "true");
        assertEquals(String.valueOf(coordinator.port()), session.read("port"));
      }
      case "interval" -> {
        runs("dmtcp_launch", "--interval", "4321", "true");
        assertEquals(4321, coordinator.status().get("checkpoint_interval").asInt());
      }
      case "gzip" -> assertEquals(1, codecOf("--gzip"));
      case "no-gzip" -> assertEquals(0, codecOf("--no-gzip"));
      case "compression" -> assertEquals(3, codecOf("--compression", "lz4"));
      case "ckptdir" -> assertEquals(
          session.directory().resolve("there"), image("--ckptdir", "there").getParent());
      case "tmpdir" -> assertMeetsIn(startedBy("--tmpdir"));
      case "coord-logfile" -> {
        runs("dmtcp_launch", "--new-coordinator", "-p", "0", "--coord-logfile", "log", "true");
        assertTrue(Files.exists(session.directory().resolve("log")));
      }
      case "ckpt-open-files" -> assertEquals(1, optionsOf("--ckpt-open-files") & 7);
      case "allow-file-overwrite" -> assertEquals(2, optionsOf("--allow-file-overwrite") & 7);
      case "ckpt-signal" -> assertEquals(10, optionsOf("--ckpt-signal", "10") >> 8 & 0xff);
      case "enable-unique-checkpoint-filenames" ->
          assertEquals(4, optionsOf("--enable-unique-checkpoint-filenames") & 7);
      case "disable-unique-checkpoint-filenames" -> assertEquals(
          0,
          optionsOf(
              "--enable-unique-checkpoint-filenames", "--disable-unique-checkpoint-filenames") & 7);
      case "keep" -> assertEquals(5, optionsOf("--keep", "5") >> 16);
      case "quiet" -> {
        String[] odd = {"dmtcp_launch", "-q", "-q", "--ckptdir", "/proc/not/there", "true"};
        assertEquals("", session.run(odd).err());
        odd[1] = odd[2] = "--any-coordinator";
        assertTrue(session.run(odd).err().contains("warning"));
      }
      default -> about("launch", name);
    }
  }

  private void runs(String... words) throws IOException {
    Outcome outcome = session.run(words);
    assertEquals(0, outcome.status(), outcome.text());
  }

  private void fails(String id, String... words) throws IOException {
    Outcome outcome = session.run(words);
    assertEquals(99, outcome.status(), outcome.text());
    assertTrue(outcome.err().contains(id), outcome.err());
    assertFalse(outcome.err().contains("\tat "), "a stack trace: " + outcome.err());
  }

  /** A program is launched so, checkpointed and ended; where its image is. */
  private Path image(String... options) throws IOException {
    List<String> words = new ArrayList<>(List.of("dmtcp_launch"));
    words.addAll(List.of(options));
    words.addAll(List.of("sleep", "1000"));
    Job job = session.start("job", words.toArray(String[]::new));
    coordinator.awaitPeers(1);
    coordinator.must("-kc");
    job.await(Session.LIMIT);
    job.close();
    coordinator.awaitNobody();
    try (Stream<Path> all = Files.walk(session.directory())) {
      return all.filter(p -> p.toString().endsWith(".dmtcp")).findFirst().orElseThrow();
    }
  }

  private static ByteBuffer header(Path image) throws IOException {
    try (var in = Files.newInputStream(image)) {
      return ByteBuffer.wrap(in.readNBytes(512)).order(ByteOrder.LITTLE_ENDIAN);
    }
  }

  private int codecOf(String... options) throws IOException {
    return header(image(options)).getInt(CODEC_AT);
  }

  private int optionsOf(String... options) throws IOException {
    return (int) header(image(options)).getLong(OPTIONS_AT);
  }

  private Path startedBy(String option) throws IOException {
    Path other = Files.createDirectory(session.directory().resolve("other"));
    Directories.give(other, session.account());
    Job job = session.start("job", "dmtcp_launch", option, "other", "--new-coordinator", "-p", "0",
        "--port-file", "other-port", "sleep", "1000");
    session.await("other-port", "");
    Wait.until(Session.LIMIT, () -> session.read("other-port"), p -> !p.isEmpty() || job.ended(),
        job::complaints);
    runs("dmtcp_command", option, "other", "-p", session.read("other-port"), "-q");
    job.await(Session.LIMIT);
    job.close();
    return other;
  }

  private static void assertMeetsIn(Path directory) throws IOException {
    assertEquals(1, Directories.names(directory).stream()
        .filter(name -> name.startsWith("dmtcp-")).count());
  }

  // ---- restart

  private void restart(String name) throws IOException {
    switch (name) {
      case "coord-host" -> fails("coordinator-unreachable", "dmtcp_restart", "--join",
          "--coord-host", "no.such.host.invalid", image().toString());
      case "coord-port" -> fails("coordinator-unreachable", "dmtcp_restart", "--join",
          "--coord-port", "1", image().toString());
      case "join-coordinator" -> fails("coordinator-unreachable", "dmtcp_restart", "-p", "1",
          "--join-coordinator", image().toString());
      case "new-coordinator" ->
          fails("port-taken", "dmtcp_restart", "--new-coordinator", image().toString());
      case "any-coordinator" -> endRestarted(restarted("--any-coordinator", image().toString()));
      case "port-file" -> {
        endRestarted(restarted("--port-file", "port", image().toString()));
        assertEquals(String.valueOf(coordinator.port()), session.read("port"));
      }
      case "interval" -> {
        Job job = restarted("--interval", "4321", image().toString());
        assertEquals(4321, coordinator.status().get("checkpoint_interval").asInt());
        endRestarted(job);
      }
      case "ckptdir" -> {
        Job job = restarted("--ckptdir", "later", image().toString());
        coordinator.must("-bc");
        assertTrue(Directories.names(session.directory().resolve("later")).stream()
            .anyMatch(n -> n.endsWith(".dmtcp")));
        endRestarted(job);
      }
      case "restartdir" ->
          endRestarted(restarted("--restartdir", image().getParent().toString()));
      case "image" -> {
        Path odd = session.directory().resolve("another name");
        Files.move(image(), odd);
        endRestarted(restarted("--image", odd.toString()));
      }
      case "no-coordinator" -> {
        Job job = session.start(
            "again", "dmtcp_restart", "--no-coordinator", image().toString());
        String children = "/proc/" + job.pid() + "/task/" + job.pid() + "/children";
        Wait.until(Session.LIMIT, () -> Files.readString(Path.of(children)),
            c -> !c.isBlank() || job.ended(), job::complaints);
        assertEquals(0, coordinator.status().get("num_peers").asInt());
        job.signal("TERM");
        job.await(Session.LIMIT);
        job.close();
      }
      case "tmpdir", "coord-logfile" -> {
        Path image = image();
        Path other = Files.createDirectory(session.directory().resolve("other"));
        Directories.give(other, session.account());
        Job job = session.start("again", "dmtcp_restart", "--tmpdir", "other", "--new-coordinator",
            "-p", "0", "--coord-logfile", "log", "--port-file", "other-port", image.toString());
        Wait.until(Session.LIMIT, () -> session.read("other-port"),
            p -> !p.isEmpty() || job.ended(), job::complaints);
        assertMeetsIn(other);
        assertTrue(Files.exists(session.directory().resolve("log")));
        runs("dmtcp_command", "--tmpdir", "other", "-p", session.read("other-port"), "-q");
        job.await(Session.LIMIT);
        job.close();
      }
      case "json" -> {
        Job job = restarted("--json", image().toString());
        JsonNode first = JSON.readTree(job.complaints().lines().findFirst().orElse(""));
        assertEquals("verify", first.get("phase").asText());
        assertTrue(first.get("done_bytes").asLong() <= first.get("total_bytes").asLong());
        endRestarted(job);
      }
      case "quiet" -> {
        Job job = restarted("-q", "-q", image().toString());
        assertEquals("", job.complaints());
        endRestarted(job);
      }
      default -> about("restart", name);
    }
  }

  private Job restarted(String... options) throws IOException {
    List<String> words = new ArrayList<>(List.of("dmtcp_restart"));
    words.addAll(Arrays.asList(options));
    Job job = session.start("again", words.toArray(String[]::new));
    Wait.until(Session.LIMIT, () -> coordinator.status().get("running").asBoolean() || job.ended(),
        yes -> yes, job::complaints);
    assertFalse(job.ended(), job.complaints());
    return job;
  }

  private void endRestarted(Job job) throws IOException {
    coordinator.must("-k");
    assertEquals(0, job.await(Session.LIMIT), job.complaints());
    job.close();
  }

  // ---- coordinator: one of its own each time

  private void coordinator(String name) throws IOException {
    switch (name) {
      case "coord-port", "port-file", "daemon", "quiet" -> {
        started("-q");
        assertEquals("", session.read("daemon.err"));
        assertTrue(Integer.parseInt(session.read("own-port")) > 0);
        quit();
        assertFalse(Files.exists(session.directory().resolve("own-port")), "it goes with its end");
      }
      case "status-file" -> {
        started("--status-file", "state");
        assertTrue(session.read("state").startsWith("Coordinator started: "));
        assertTrue(session.read("state").contains("\nPort: " + session.read("own-port")));
        quit();
        session.await("state", "Coordinator exited: ");
      }
      case "interval" -> {
        started("--interval", "777");
        assertTrue(own("-s").contains("CKPT_INTERVAL=777"));
        quit();
      }
      case "ckptdir", "kill-after-ckpt" -> {
        Files.createDirectory(session.directory().resolve("scripts"));
        Directories.give(session.directory().resolve("scripts"), session.account());
        started("--ckptdir", "scripts", "--kill-after-ckpt");
        Job job = session.start("job", "dmtcp_launch", "-p", session.read("own-port"), "sleep", "99");
        Wait.until(Session.LIMIT, () -> own("-s"), s -> s.contains("RUNNING=yes"), job::complaints);
        own("-bc");
        job.await(Session.LIMIT);
        job.close();
        assertTrue(
            Files.exists(session.directory().resolve("scripts/dmtcp_restart_script.sh")));
        quit();
      }
      case "tmpdir" -> {
        Path other = Files.createDirectory(session.directory().resolve("other"));
        Directories.give(other, session.account());
        started("--tmpdir", "other");
        assertMeetsIn(other);
        runs("dmtcp_command", "--tmpdir", "other", "-p", session.read("own-port"), "-q");
      }
      case "exit-on-last" -> {
        started("--exit-on-last");
        runs("dmtcp_launch", "-p", session.read("own-port"), "true");
        Wait.until(Session.LIMIT, () -> session.read("own-port"), String::isEmpty, () -> "its end");
      }
      case "timeout", "stale-timeout" -> assertEquals(
          1, session.run("dmtcp_coordinator", "--port", "0", "--" + name, "1").status());
      case "coord-logfile" -> {
        started("--coord-logfile", "own-log");
        assertTrue(Files.exists(session.directory().resolve("own-log")));
        quit();
      }
      default -> about("coordinator", name);
    }
  }

  private void started(String... options) throws IOException {
    List<String> words = new ArrayList<>(List.of(
        "dmtcp_coordinator", "--daemon", "--coord-port", "0", "--port-file", "own-port"));
    words.addAll(List.of(options));
    Outcome outcome = session.run(words.toArray(String[]::new));
    assertEquals(0, outcome.status(), outcome.text());
    if (words.contains("-q")) {
      assertEquals("", outcome.text().replace("status 0", "").strip());
    }
  }

  private String own(String... words) throws IOException {
    List<String> all = new ArrayList<>(List.of("dmtcp_command", "-p", session.read("own-port")));
    all.addAll(List.of(words));
    Outcome outcome = session.run(all.toArray(String[]::new));
    assertEquals(0, outcome.status(), outcome.text());
    return outcome.out();
  }

  private void quit() throws IOException {
    own("-q");
    Wait.until(Session.LIMIT, () -> session.read("own-port"), String::isEmpty, () -> "its end");
  }

  // ---- command

  private void command(String name) throws IOException {
    switch (name) {
      case "coord-host" -> assertTrue(session.run("dmtcp_command", "--coord-host",
          "no.such.host.invalid", "-s").err().contains("no.such.host.invalid"));
      case "coord-port" -> assertEquals(
          2, session.run("dmtcp_command", "--coord-port", "1", "-s").status());
      case "tmpdir" -> assertEquals(
          2, session.run("dmtcp_command", "--tmpdir", "/nonexistent", "-s").status());
      case "json" -> assertTrue(coordinator.must("--json", "-s").startsWith("{\"schema_version\""));
      case "quiet" -> assertTrue(coordinator.must("--quiet", "-s").contains("NUM_PEERS=0"));
      default -> about("command", name);
    }
  }

  private void about(String command, String name) throws IOException {
    if (!name.equals("help") && !name.equals("version")) {
      fail("nobody checks what --" + name + " of dmtcp_" + command + " does");
    }
    Outcome outcome = session.run("dmtcp_" + command, "--" + name);
    assertEquals(0, outcome.status(), outcome.text());
    assertFalse(outcome.out().isBlank());
  }
}
