package org.dmtcp.akka.it;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A program in the background, in a session of its own. A shell stands between us and it: the JDK
 * takes a stop of its own child under ptrace for the child's end.
 */
final class Job implements AutoCloseable {
  private static final Duration START_LIMIT = Duration.ofSeconds(20);

  private final Process shell;
  private final Path pidFile;
  private final Path statusFile;
  private final Path err;
  private final String words;

  private Job(Process shell, Path pidFile, Path statusFile, Path err, String words) {
    this.shell = shell;
    this.pidFile = pidFile;
    this.statusFile = statusFile;
    this.err = err;
    this.words = words;
  }

  /**
   * @param out file of its standard output, truncated; the account's own, as its restart opens it
   * @param err file of its standard error, the same
   */
  static Job start(
      Account account,
      Path directory,
      Map<String, String> environment,
      List<String> words,
      Path out,
      Path err)
      throws IOException {
    for (Path file : List.of(out, err)) {
      Files.write(file, new byte[0]);
      Directories.give(file, account);
    }
    Path notes = Files.createTempDirectory(Tree.WORK, "job");
    Path pidFile = notes.resolve("pid");
    Path statusFile = notes.resolve("status");
    List<String> line = new ArrayList<>();
    line.addAll(List.of("sh", "-c", SCRIPT, "job", pidFile.toString(), statusFile.toString()));
    line.addAll(List.of(out.toString(), err.toString()));
    line.addAll(account.command(words));
    ProcessBuilder builder = new ProcessBuilder(line).directory(directory.toFile());
    Environments.apply(builder.environment(), environment);
    Process shell =
        builder
            .redirectInput(new File("/dev/null"))
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    return new Job(shell, pidFile, statusFile, err, String.join(" ", words));
  }

  /** A shell without job control lets its background jobs ignore Ctrl-C: that is taken back. */
  private static final String SCRIPT =
      """
      pidfile=$1 statusfile=$2 out=$3 err=$4
      shift 4
      setsid env --default-signal=INT,QUIT "$@" </dev/null >"$out" 2>"$err" &
      echo $! >"$pidfile.temp" && mv "$pidfile.temp" "$pidfile"
      wait $!
      echo $? >"$statusfile.temp" && mv "$statusfile.temp" "$statusfile"
      """;

  long pid() throws IOException {
    Wait.until(START_LIMIT, () -> Files.exists(pidFile), yes -> yes, () -> words + " to start");
    return Long.parseLong(Files.readString(pidFile).strip());
  }

  boolean ended() {
    return Files.exists(statusFile);
  }

  /** Exit status, 128 + N after signal N. */
  int await(Duration limit) throws IOException {
    Wait.until(limit, this::ended, yes -> yes, () -> words + " to end; " + complaints());
    return Integer.parseInt(Files.readString(statusFile).strip());
  }

  String complaints() {
    try {
      return Files.exists(err) ? Files.readString(err) : "";
    } catch (IOException e) {
      return e.toString();
    }
  }

  void signal(String name) throws IOException {
    Command.run(START_LIMIT, "kill", "-" + name, String.valueOf(pid()));
  }

  /** Ends the program and what it started, as far as it is still ours to see. */
  @Override
  public void close() throws IOException {
    if (!ended() && Files.exists(pidFile)) {
      long pid = pid();
      ProcessHandle.of(pid)
          .ifPresent(
              process -> {
                process.descendants().forEach(ProcessHandle::destroyForcibly);
                process.destroyForcibly();
              });
    }
    Wait.until(START_LIMIT, shell::isAlive, alive -> !alive, () -> words + " to be gone");
    Directories.delete(pidFile.getParent());
  }
}
