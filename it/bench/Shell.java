package bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/** Runs commands with a limit, and waits for states. */
final class Shell {
  static final Duration LIMIT = Duration.ofSeconds(120);

  private final Map<String, String> environment;
  private final Path directory;

  Shell(Path directory, Map<String, String> environment) {
    this.directory = directory;
    this.environment = environment;
  }

  /** Starts a command that goes on in the background; its output goes to {@code bench.log}. */
  Process start(List<String> command) throws IOException {
    ProcessBuilder builder = new ProcessBuilder(command).directory(directory.toFile());
    builder.environment().putAll(environment);
    builder.redirectInput(Path.of("/dev/null").toFile());
    builder.redirectErrorStream(true);
    builder.redirectOutput(
        ProcessBuilder.Redirect.appendTo(directory.resolve("bench.log").toFile()));
    return builder.start();
  }

  /** @return seconds from start to end */
  double run(List<String> command) throws IOException, InterruptedException {
    long begin = System.nanoTime();
    Process process = start(command);
    if (!process.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)) {
      process.destroyForcibly();
      throw new IOException("no end within " + LIMIT + ": " + command);
    }
    double seconds = (System.nanoTime() - begin) / 1e9;
    if (process.exitValue() != 0) {
      throw new IOException("exit " + process.exitValue() + ": " + command + "; see "
          + directory.resolve("bench.log"));
    }
    return seconds;
  }

  /** Seconds until {@code state} holds, looked at every half millisecond. */
  static double await(String what, BooleanSupplier state) throws IOException, InterruptedException {
    long begin = System.nanoTime();
    while (!state.getAsBoolean()) {
      if (System.nanoTime() - begin > LIMIT.toNanos()) {
        throw new IOException("not within " + LIMIT + ": " + what);
      }
      TimeUnit.MICROSECONDS.sleep(500);
    }
    return (System.nanoTime() - begin) / 1e9;
  }

  static void deleteTree(Path top) throws IOException {
    if (!Files.exists(top)) {
      return;
    }
    try (var all = Files.walk(top)) {
      for (Path path : all.sorted((a, b) -> b.compareTo(a)).toList()) {
        Files.deleteIfExists(path);
      }
    }
  }
}
