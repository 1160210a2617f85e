package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.fail;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * One program under checkpoint control, run by the real commands in a directory of its own. Its
 * directory stays, and its path is printed, unless the test says {@link #passed}.
 */
final class Computation implements AutoCloseable {
  static final Duration LIMIT = Duration.ofSeconds(60);

  private final Coordinator coordinator;
  private final Path directory;
  private final Map<String, String> environment = new HashMap<>();
  private final List<Path> mounts = new ArrayList<>();
  private Job job;
  private int restarts;
  private boolean passed;

  private Computation(Coordinator coordinator, Path directory) {
    this.coordinator = coordinator;
    this.directory = directory;
    environment.putAll(coordinator.environment());
    environment.put("DMTCP_CHECKPOINT_DIR", images().toString());
    environment.put("VICTIM_DIR", work().toString());
  }

  /** Nothing runs yet. */
  static Computation prepare(Account account) throws IOException {
    Coordinator coordinator = Coordinators.borrow(account);
    Path directory = Files.createTempDirectory(Tree.WORK, "t");
    Command.run(LIMIT, "chmod", "755", directory.toString());
    Computation computation = new Computation(coordinator, directory);
    for (Path path : List.of(directory, computation.work(), computation.images())) {
      Files.createDirectories(path);
      Directories.give(path, account);
    }
    return computation;
  }

  static Computation launch(Account account, String... program) throws IOException {
    Computation computation = prepare(account);
    computation.launch(List.of(), program);
    return computation;
  }

  /** Puts one of the directories on a file system of its own; the tests run as root. */
  void mount(Path path, String size) throws IOException {
    String options = "size=" + size + ",mode=0755";
    Outcome mounted =
        Command.run(LIMIT, "mount", "-t", "tmpfs", "-o", options, "it", path.toString());
    assertEquals(0, mounted.status(), mounted.text());
    Directories.give(path, account());
    mounts.add(path);
  }

  /** @param options of {@code dmtcp_launch} */
  void launch(List<String> options, String... program) throws IOException {
    List<String> words = new ArrayList<>(List.of(Tree.bin("dmtcp_launch")));
    words.addAll(options);
    words.addAll(List.of(program));
    job = start(words, out());
  }

  private Job start(List<String> words, Path out) throws IOException {
    Path err = directory.resolve("err" + restarts);
    return Job.start(account(), work(), environment, words, out, err);
  }

  Account account() {
    return coordinator.account();
  }

  Coordinator coordinator() {
    return coordinator;
  }

  Job job() {
    return job;
  }

  /** Where the program runs. */
  Path work() {
    return directory.resolve("work");
  }

  Path images() {
    return directory.resolve("images");
  }

  /** Standard output of the program. */
  Path out() {
    return work().resolve("out");
  }

  void set(String variable, String value) {
    environment.put(variable, value);
  }

  Map<String, String> environment() {
    return Map.copyOf(environment);
  }

  void checkpoint() throws IOException {
    coordinator.must("-bc");
  }

  void kill() throws IOException {
    coordinator.must("-k");
    job.await(LIMIT);
    coordinator.awaitNobody();
    job.close();
  }

  /** One command: nothing runs between the checkpoint and the end. */
  void checkpointAndKill() throws IOException {
    coordinator.must("-kc");
    job.await(LIMIT);
    coordinator.awaitNobody();
    job.close();
  }

  /** Restarts the last checkpoint by its script. */
  void restart() throws IOException {
    restarts++;
    // Standard output is what the program had; this is only what dmtcp_restart itself says.
    Path said = directory.resolve("said" + restarts);
    job = start(List.of("bash", coordinator.script().toString()), said);
  }

  /** Launched or restarted, and ready for a checkpoint. */
  void awaitRunning() throws IOException {
    Wait.until(
        LIMIT,
        () -> job != null && job.ended() || coordinator.status().get("running").asBoolean(),
        yes -> yes,
        () -> "RUNNING=yes; " + coordinator.log());
  }

  String output() throws IOException {
    return Files.exists(out()) ? Files.readString(out(), StandardCharsets.ISO_8859_1) : "";
  }

  /** Waits for a line of output that starts with any of these; the program's end fails. */
  void awaitLine(String... starts) throws IOException {
    String wanted = String.join("' or '", starts);
    Wait.until(
        LIMIT,
        () -> {
          boolean ended = job.ended();
          boolean found =
              output().lines().anyMatch(line -> Stream.of(starts).anyMatch(line::startsWith));
          if (!found && ended) {
            fail("ended with " + job.await(LIMIT) + " before '" + wanted + "'; " + tail());
          }
          return found;
        },
        found -> found,
        () -> "line '" + wanted + "'; " + tail());
  }

  /** Waits until standard output holds that many bytes. */
  void awaitOutput(int bytes) throws IOException {
    Wait.until(
        LIMIT,
        () -> {
          boolean ended = job.ended();
          boolean enough = Files.exists(out()) && Files.size(out()) >= bytes;
          if (!enough && ended) {
            fail("ended with " + job.await(LIMIT) + " before " + bytes + " bytes; " + tail());
          }
          return enough;
        },
        enough -> enough,
        () -> bytes + " bytes of output; " + tail());
  }

  /** Number of the last tick that a victim printed, 0 before the first. */
  long ticks() throws IOException {
    try (Stream<String> lines = output().lines()) {
      return lines
          .filter(line -> line.matches("tick \\d+"))
          .mapToLong(line -> Long.parseLong(line.substring("tick ".length())))
          .max()
          .orElse(0);
    }
  }

  /** Waits until a victim has printed more ticks than it had. */
  void awaitMoreTicks(long than) throws IOException {
    Wait.until(
        LIMIT,
        () -> {
          if (job.ended() && ticks() <= than) {
            fail("ended with " + job.await(LIMIT) + " after tick " + ticks() + "; " + tail());
          }
          return ticks();
        },
        ticks -> ticks > than,
        () -> "a tick after " + than + "; " + tail());
  }

  /** Asks a victim for its last check. */
  void finish() throws IOException {
    job.signal("USR1");
    int status = job.await(LIMIT);
    List<String> lines = output().lines().toList();
    assertEquals("ok", lines.isEmpty() ? "" : lines.get(lines.size() - 1), this::tail);
    assertEquals(0, status, this::tail);
  }

  String tail() {
    try {
      List<String> lines = output().lines().toList();
      return "output ends: "
          + lines.subList(Math.max(0, lines.size() - 5), lines.size())
          + "; standard error: "
          + job.complaints()
          + "; directory "
          + directory
          + coordinator.log();
    } catch (IOException e) {
      return e.toString();
    }
  }

  void passed() {
    passed = true;
  }

  @Override
  public void close() throws IOException {
    if (!passed) {
      System.err.println("failed test left " + directory);
      coordinator.command("-k");
      Wait.millis(200); // else the kill below would beat the coordinator's
      if (job != null) {
        job.close();
      }
      coordinator.close();
      return;
    }
    if (job != null) {
      job.close();
    }
    coordinator.awaitNobody();
    Coordinators.giveBack(coordinator);
    for (Path mount : mounts) {
      Command.run(LIMIT, "umount", "-l", mount.toString());
    }
    Directories.delete(directory);
  }
}
