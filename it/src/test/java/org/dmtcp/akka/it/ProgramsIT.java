package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Real programs: killed in the middle of their work and restarted, they write the same, byte for
 * byte, as one that was left alone.
 */
@Timeout(value = 5, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@Execution(ExecutionMode.CONCURRENT)
class ProgramsIT {
  private static final String CATEGORY = "programs";

  /**
   * A program that writes to its standard output what can be foretold.
   *
   * @param files in {@code it/programs}, copied to where it runs
   * @param bytes of output after which the checkpoint comes
   * @param needs the command without which it is skipped
   * @param runsOn after the checkpoint, before it is killed; not where it then removes or rewrites
   *     files that the checkpoint needs
   */
  record Program(
      String row, List<String> files, List<String> words, int bytes, String needs, boolean runsOn) {
    String name() {
      return files.get(0);
    }
  }

  record Case(Program program, String account) {
    @Override
    public String toString() {
      return program.row() + ", " + account;
    }
  }

  private static final List<Program> PROGRAMS =
      List.of(
          program("Python with threads", "chain.py", 3000, "python3", "chain.py", "200"),
          program("Perl", "chain.pl", 500, "perl", "chain.pl", "200"),
          program("bc in a long calculation", "digits.bc", 8000, "bc", "-lq", "digits.bc"),
          program("sqlite3, a database file in WAL mode", "query.sql", 4000,
              "sqlite3", "data.db", ".read query.sql"),
          program("a Java virtual machine with 40 busy threads", "ManyThreads.java", 500,
              "java", "ManyThreads", "150"),
          program("Node.js with a child process", "timers.js", 100, "node", "timers.js"),
          program("Python multiprocessing", "workers.py", 100, "python3", "workers.py"),
          program("Python asyncio over loopback TCP", "streams.py", 100, "python3", "streams.py"),
          script("a pipeline of a shell", 3000, "sed", "bash", "pipeline.sh"),
          script("a pipeline of dash", 3000, "sed", "dash", "pipeline.sh"),
          script("make with four jobs, gcc in mid-compile", 9, "make", "bash", "build.sh"),
          script("redis-server and its client", 8, "redis-server", "bash", "redis.sh"),
          script("OpenMP", 200, "gcc", "bash", "openmp.sh", "openmp.c"),
          script("tar into a compressor", 8, "tar", "bash", "archive.sh"));

  private static Program program(String row, String file, int bytes, String... words) {
    return new Program(row, List.of(file), List.of(words), bytes, words[0], true);
  }

  private static Program script(
      String row, int bytes, String needs, String shell, String... files) {
    return new Program(row, List.of(files), List.of(shell, files[0]), bytes, needs, false);
  }

  static Stream<Case> cases() {
    return PROGRAMS.stream()
        .flatMap(program -> Accounts.names().stream().map(account -> new Case(program, account)));
  }

  @AfterAll
  static void writeTable() throws IOException {
    SupportTable.write();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void goesOnAfterARestart(Case test) throws IOException {
    Program program = test.program();
    Account account = Skip.unlessAvailable(test.account());
    Skip.unlessInstalled(program.needs());
    boolean passed = false;
    try {
      assertEquals(undisturbed(program, account), disturbed(program, account));
      passed = true;
    } finally {
      SupportTable.add(CATEGORY, program.row(), test.account(), passed);
    }
  }

  private static String undisturbed(Program program, Account account) throws IOException {
    try (Session session = new Session(account)) {
      copy(program.files(), session.directory(), account);
      Outcome outcome = session.run(program.words().toArray(String[]::new));
      assertEquals(0, outcome.status(), outcome.text());
      return outcome.out();
    }
  }

  private static String disturbed(Program program, Account account) throws IOException {
    try (Computation computation = Computation.prepare(account)) {
      copy(program.files(), computation.work(), account);
      computation.launch(List.of(), program.words().toArray(String[]::new));
      computation.awaitOutput(program.bytes());
      if (program.runsOn()) {
        computation.checkpoint();
        computation.kill();
      } else {
        computation.checkpointAndKill();
      }
      computation.restart();
      assertEquals(0, computation.job().await(Session.LIMIT), computation::tail);
      String output = computation.output();
      computation.passed();
      return output;
    }
  }

  private static void copy(List<String> files, Path directory, Account account)
      throws IOException {
    for (String file : files) {
      Path target = directory.resolve(file);
      Files.copy(Tree.SOURCE.resolve("it/programs").resolve(file), target);
      Directories.give(target, account);
      if (file.endsWith(".java")) {
        Outcome compiled =
            Command.run(Session.LIMIT, "javac", "-d", directory.toString(), target.toString());
        assertEquals(0, compiled.status(), compiled.text());
      }
    }
  }

  static List<String> accounts() {
    return Accounts.names();
  }

  /** Both ends of gzip are files; it is caught between them. */
  @ParameterizedTest(name = "gzip {0}")
  @MethodSource("accounts")
  void gzipGoesOnInTheMiddleOfAStream(String name) throws IOException {
    Account account = Skip.unlessAvailable(name);
    byte[] input = new byte[96 << 20];
    new Random(7).nextBytes(input);
    boolean passed = false;
    try (Computation computation = Computation.prepare(account)) {
      Path file = computation.work().resolve("input");
      Files.write(file, input);
      Directories.give(file, account);
      computation.launch(List.of(), "gzip", "-9", "-c", file.toString());
      computation.awaitOutput(1 << 20);
      computation.checkpoint();
      computation.kill();
      assertTrue(Files.size(computation.out()) < input.length, "it was too fast: already finished");
      computation.restart();
      assertEquals(0, computation.job().await(Session.LIMIT), computation::tail);
      try (var back = new GZIPInputStream(Files.newInputStream(computation.out()))) {
        assertArrayEquals(input, back.readAllBytes());
      }
      computation.passed();
      passed = true;
    } finally {
      SupportTable.add(CATEGORY, "gzip in the middle of a file", name, passed);
    }
  }

  /** The same program, checkpointed again and again: every cycle gives the same. */
  @ParameterizedTest(name = "ten cycles {0}")
  @MethodSource("accounts")
  void tenCyclesGiveTheSame(String name) throws IOException {
    Account account = Skip.unlessAvailable(name);
    Skip.unlessInstalled("python3");
    Program program = program("", "chain.py", 0, "python3", "chain.py", "150");
    String alone = undisturbed(program, account);
    try (Computation computation = Computation.prepare(account)) {
      copy(program.files(), computation.work(), account);
      computation.launch(List.of(), program.words().toArray(String[]::new));
      List<Integer> lines = new ArrayList<>();
      for (int cycle = 1; cycle <= 10; cycle++) {
        computation.awaitOutput(cycle * 600);
        lines.add(computation.output().length());
        computation.checkpoint();
        computation.kill();
        computation.restart();
        computation.awaitRunning();
      }
      assertEquals(0, computation.job().await(Session.LIMIT), () -> lines + computation.tail());
      assertEquals(alone, computation.output());
      computation.passed();
    }
  }
}
