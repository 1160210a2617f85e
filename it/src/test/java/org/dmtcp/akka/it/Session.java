package org.dmtcp.akka.it;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A user at a prompt: a working directory and an environment of their own, in which any command may
 * be run. Coordinators that commands start for themselves are ended with it.
 */
final class Session implements AutoCloseable {
  static final Duration LIMIT = Duration.ofSeconds(90);

  private final Account account;
  private final Path directory;
  private final Map<String, String> environment = new HashMap<>();

  Session(Account account) throws IOException {
    this.account = account;
    directory = Files.createTempDirectory(Tree.WORK, "s");
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
    Directories.give(directory, account);
    environment.put("DMTCP_TMPDIR", directory.toString());
  }

  /** The same, talking to a coordinator that runs. */
  Session(Coordinator coordinator) throws IOException {
    this(coordinator.account());
    environment.putAll(coordinator.environment());
  }

  Account account() {
    return account;
  }

  Path directory() {
    return directory;
  }

  Session set(String variable, String value) {
    environment.put(variable, value);
    return this;
  }

  /** Runs to the end; a first word {@code dmtcp_...} is one of ours. */
  Outcome run(String... words) throws IOException {
    return Command.run(LIMIT, directory, environment, account.command(line(words)));
  }

  /** Starts in the background, its output in {@code name}.out and .err of the directory. */
  Job start(String name, String... words) throws IOException {
    Path out = directory.resolve(name + ".out");
    Path err = directory.resolve(name + ".err");
    return Job.start(account, directory, environment, line(words), out, err);
  }

  String read(String file) throws IOException {
    Path path = directory.resolve(file);
    return Files.exists(path) ? Files.readString(path) : "";
  }

  /** Waits until a file in the directory holds something. */
  String await(String file, String text) throws IOException {
    return Wait.until(
        LIMIT, () -> read(file), s -> s.contains(text), () -> text + " in " + directory.resolve(file));
  }

  private static List<String> line(String... words) throws IOException {
    List<String> line = new ArrayList<>(List.of(words));
    if (line.get(0).startsWith("dmtcp_")) {
      line.set(0, Tree.bin(line.get(0)));
    }
    return line;
  }

  @Override
  public void close() throws IOException {
    environment.remove("DMTCP_COORD_PORT");
    for (Path meeting : sockets()) {
      String name = meeting.getFileName().toString();
      run("dmtcp_command", "-p", name.replaceAll("\\D", ""), "--quit");
    }
    Directories.delete(directory);
  }

  /** Of the coordinators that were started here. */
  List<Path> sockets() throws IOException {
    List<Path> found = new ArrayList<>();
    try (var entries = Files.newDirectoryStream(directory, "dmtcp-*")) {
      for (Path entry : entries) {
        try (var sockets = Files.newDirectoryStream(entry, "coordinator-*.sock")) {
          sockets.forEach(found::add);
        }
      }
    }
    return found;
  }
}
