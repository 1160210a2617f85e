package org.dmtcp.akka.it;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** Runs a command to its end, with a limit. */
final class Command {
  private Command() {}

  static Outcome run(Duration limit, String... words) throws IOException {
    return run(limit, Path.of("/"), Map.of(), List.of(words));
  }

  /**
   * Output goes through files: a pipe would stay open as long as anything the command left in the background
   * holds it.
   */
  static Outcome run(
      Duration limit, Path directory, Map<String, String> environment, List<String> words)
      throws IOException {
    Path out = Files.createTempFile(Tree.WORK, "o", ".out");
    Path err = Files.createTempFile(Tree.WORK, "e", ".err");
    try {
      ProcessBuilder builder = new ProcessBuilder(words).directory(directory.toFile());
      Environments.apply(builder.environment(), environment);
      Process process =
          builder
              .redirectInput(new File("/dev/null"))
              .redirectOutput(out.toFile())
              .redirectError(err.toFile())
              .start();
      int status = waitFor(process, limit, words);
      return new Outcome(status, Files.readString(out), Files.readString(err));
    } finally {
      Files.delete(out);
      Files.delete(err);
    }
  }

  private static int waitFor(Process process, Duration limit, List<String> words) {
    try {
      if (process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS)) {
        return process.exitValue();
      }
      throw new AssertionError("not ended within " + limit + ": " + String.join(" ", words));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError("interrupted: " + String.join(" ", words), e);
    } finally {
      process.destroyForcibly();
    }
  }
}
