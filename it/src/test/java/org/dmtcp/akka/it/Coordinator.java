package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A coordinator in the background, with a port, a tmpdir and a working directory of its own. */
final class Coordinator implements AutoCloseable {
  private static final Duration LIMIT = Duration.ofSeconds(90);
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Account account;
  private final Path directory;
  private final int port;

  private Coordinator(Account account, Path directory, int port) {
    this.account = account;
    this.directory = directory;
    this.port = port;
  }

  static Coordinator start(Account account, String... options) throws IOException {
    Path directory = Files.createTempDirectory(Tree.WORK, "c");
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
    Directories.give(directory, account);
    Path portFile = directory.resolve("port");
    List<String> words = new ArrayList<>();
    words.addAll(List.of(Tree.bin("dmtcp_coordinator"), "--daemon", "--port", "0"));
    words.addAll(List.of("--port-file", portFile.toString()));
    words.addAll(List.of("--coord-logfile", directory.resolve("log").toString()));
    words.addAll(List.of(options));
    Outcome outcome =
        Command.run(
            LIMIT, directory, Map.of("DMTCP_TMPDIR", directory.toString()), account.command(words));
    assertEquals(0, outcome.status(), outcome.text());
    int port = Integer.parseInt(Files.readString(portFile).strip());
    return new Coordinator(account, directory, port);
  }

  Account account() {
    return account;
  }

  int port() {
    return port;
  }

  /** What a command needs to find it. */
  Map<String, String> environment() {
    return Map.of("DMTCP_TMPDIR", directory.toString(), "DMTCP_COORD_PORT", String.valueOf(port));
  }

  /** {@code dmtcp_command} with these words. */
  Outcome command(String... words) throws IOException {
    List<String> all = new ArrayList<>(List.of(Tree.bin("dmtcp_command")));
    all.addAll(List.of(words));
    return Command.run(LIMIT, directory, environment(), account.command(all));
  }

  /** The same, and it must succeed. */
  String must(String... words) throws IOException {
    Outcome outcome = command(words);
    assertEquals(0, outcome.status(), () -> String.join(" ", words) + ": " + outcome.text() + log());
    return outcome.out();
  }

  JsonNode status() throws IOException {
    return JSON.readTree(must("--json", "--status"));
  }

  /** The restart script of the last checkpoint. */
  Path script() throws IOException {
    return directory.resolve("dmtcp_restart_script.sh").toRealPath();
  }

  String log() {
    try {
      return "\ncoordinator's log:\n" + Files.readString(directory.resolve("log"));
    } catch (IOException e) {
      return "\nno log: " + e.getMessage();
    }
  }

  /** Waits until nobody is connected any more. */
  void awaitNobody() throws IOException {
    Wait.until(
        LIMIT,
        () -> status().get("num_peers").asInt(),
        n -> n == 0,
        () -> "num_peers to be 0" + log());
  }

  /** Waits until so many processes are connected and run. */
  void awaitPeers(int count) throws IOException {
    Wait.until(
        LIMIT,
        () -> status(),
        s -> s.get("num_peers").asInt() == count && s.get("running").asBoolean(),
        () -> count + " running peers" + log());
  }

  @Override
  public void close() throws IOException {
    command("--quit");
    Directories.delete(directory);
  }
}
