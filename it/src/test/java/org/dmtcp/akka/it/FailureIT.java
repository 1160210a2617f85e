package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What goes wrong during a checkpoint never costs the program, leaves nothing half-written, keeps
 * the checkpoint before, and is told by name.
 */
@Timeout(value = 3, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class FailureIT {
  @BeforeAll
  static void build() throws IOException {
    Victims.build();
  }

  static List<String> accounts() {
    return Accounts.names();
  }

  private static Computation counter(Account account) throws IOException {
    Computation computation = Computation.launch(account, Tree.victim("counter"));
    computation.awaitMoreTicks(0);
    return computation;
  }

  /** The command fails with this id, and the program goes on. */
  private static void failsAndGoesOn(Computation computation, String id) throws IOException {
    Outcome outcome = computation.coordinator().command("-bc");
    assertEquals(2, outcome.status(), outcome.text());
    assertTrue(outcome.err().contains("[" + id + "]"), outcome.text());
    computation.awaitMoreTicks(computation.ticks());
    computation.awaitRunning();
  }

  @ParameterizedTest
  @MethodSource("accounts")
  void fullDiskKeepsTheProgramAndTheCheckpointBefore(String name) throws IOException {
    Account account = Skip.unlessAvailable(name);
    Skip.unless(Accounts.runsAsRoot(), "mount", "a small file system has to be mounted");
    try (Computation computation = Computation.prepare(account)) {
      computation.mount(computation.images(), "16m");
      computation.launch(List.of(), Tree.victim("counter"));
      computation.awaitMoreTicks(0);
      computation.checkpoint();
      List<String> before = Directories.names(computation.images());
      fill(computation.images(), account);
      failsAndGoesOn(computation, "disk-full");
      assertEquals(withFiller(before), Directories.names(computation.images()));
      assertTrue(computation.coordinator().log().contains("disk"), computation::tail);
      computation.kill();
      Files.delete(computation.images().resolve("filler"));
      long ticks = computation.ticks();
      computation.restart();
      computation.awaitMoreTicks(ticks);
      computation.awaitRunning();
      computation.checkpoint();
      computation.finish();
      computation.passed();
    }
  }

  private static void fill(Path directory, Account account) throws IOException {
    Path filler = directory.resolve("filler");
    Outcome full =
        Command.run(Session.LIMIT, "dd", "if=/dev/zero", "of=" + filler, "bs=4096", "status=none");
    assertEquals(1, full.status(), full.text()); // dd says that there is no space left
    Directories.give(filler, account);
  }

  private static List<String> withFiller(List<String> names) {
    return Stream.concat(names.stream(), Stream.of("filler"))
        .sorted()
        .toList();
  }

  @Test
  void unwritableDirectoryIsToldAndThenMended() throws IOException {
    try (Computation computation = counter(Accounts.find(Account.PLAIN).orElseThrow())) {
      Command.run(Session.LIMIT, "chmod", "555", computation.images().toString());
      failsAndGoesOn(computation, "image-unwritable");
      assertEquals(List.of(), Directories.names(computation.images()));
      Command.run(Session.LIMIT, "chmod", "755", computation.images().toString());
      computation.checkpoint();
      computation.finish();
      computation.passed();
    }
  }

  @ParameterizedTest
  @MethodSource("accounts")
  void missingDirectoryIsMade(String name) throws IOException {
    Account account = Skip.unlessAvailable(name);
    try (Computation computation = Computation.prepare(account)) {
      Path deep = computation.work().resolve("not/yet/there");
      computation.launch(List.of("--ckptdir", deep.toString()), Tree.victim("counter"));
      computation.awaitMoreTicks(0);
      computation.checkpoint();
      assertTrue(
          Directories.names(deep).stream().anyMatch(f -> f.matches("ckpt_counter_.*\\.dmtcp")));
      computation.finish();
      computation.passed();
    }
  }

  @ParameterizedTest
  @MethodSource("accounts")
  void impossibleDirectoryIsTold(String name) throws IOException {
    Account account = Skip.unlessAvailable(name);
    try (Computation computation = Computation.prepare(account)) {
      computation.launch(List.of("--ckptdir", "/proc/nothing"), Tree.victim("counter"));
      computation.awaitMoreTicks(0);
      failsAndGoesOn(computation, "image-unwritable");
      computation.finish();
      computation.passed();
    }
  }

  /** Whenever it dies, the command returns, nothing partial stays, and the coordinator serves on. */
  @ParameterizedTest
  @ValueSource(ints = {0, 5, 20, 60, 150, 400})
  void processThatDiesInARoundDoesNotHangIt(int millis) throws IOException {
    Account account = Accounts.find(Account.PLAIN).orElseThrow();
    try (Computation computation = Computation.prepare(account)) {
      computation.launch(
          List.of("--no-gzip"),
          "python3",
          "-c",
          "import os,time\nb = os.urandom(1 << 20) * 300\nprint('ready', flush=True)\ntime.sleep(100)");
      computation.awaitLine("ready");
      computation.coordinator().must("-c");
      Wait.millis(millis); // to hit another phase each time
      computation.job().signal("KILL");
      assertEquals(128 + 9, computation.job().await(Session.LIMIT));
      computation.coordinator().awaitNobody();
      Wait.until(
          Session.LIMIT,
          () -> Directories.names(computation.images()),
          names -> names.stream().noneMatch(n -> n.contains(".temp") || n.contains(".g0")),
          () -> "partial files to go: " + computation.tail());
      computation.passed();
    }
  }

  @Test
  void seventeenthGenerationIsAsGoodAsTheFirst() throws IOException {
    try (Computation computation = counter(Accounts.find(Account.PLAIN).orElseThrow())) {
      for (int i = 0; i < 17; i++) {
        computation.checkpoint();
      }
      List<String> names = Directories.names(computation.images());
      assertEquals(1, names.stream().filter(n -> n.startsWith("ckpt_")).count(), names.toString());
      assertFalse(names.stream().anyMatch(n -> n.contains(".g")), names.toString());
      computation.kill();
      long ticks = computation.ticks();
      computation.restart();
      computation.awaitMoreTicks(ticks);
      computation.finish();
      computation.passed();
    }
  }
}
