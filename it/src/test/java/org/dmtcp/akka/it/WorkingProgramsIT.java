package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Real programs that go on working until they are told to finish, and check themselves what they
 * do: checkpointed in passing, killed, restarted, checkpointed again, restarted again.
 *
 * <p>{@code dmtcp.it.programs}: a pattern of file names; {@code dmtcp.it.soak}: also ten cycles of a
 * checkpoint every second; {@code dmtcp.it.quick}: one restart.
 */
@Timeout(value = 10, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@Execution(ExecutionMode.CONCURRENT)
class WorkingProgramsIT {
  /** Said at the end by every one of them: the status is passed on. */
  private static final int STATUS = 3;

  private static final int STORM = 3;
  private static final int SOAK_CYCLES = 10;
  private static final boolean SOAK = Boolean.getBoolean("dmtcp.it.soak");

  /** Where everybody finds programs; ours may lead to what only root can read. */
  private static final String SEARCHED =
      "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin:/usr/games";

  record Case(WorkingProgram program, String variant, String account) {
    @Override
    public String toString() {
      return String.join(" ", program.name(), variant, account).replaceAll(" +", " ");
    }
  }

  static Stream<Case> cases() throws IOException {
    String pattern = System.getProperty("dmtcp.it.programs", ".*");
    List<Case> cases = new ArrayList<>();
    for (WorkingProgram program : WorkingProgram.all()) {
      for (String variant : program.variants()) {
        for (String account : Accounts.names()) {
          if (!program.runsAs(account)) {
            SupportTable.notFor("programs", program.row(variant), account, "no");
          } else if (program.name().matches(pattern)) {
            cases.add(new Case(program, variant, account));
          }
        }
      }
    }
    return cases.stream();
  }

  @AfterAll
  static void writeTable() throws IOException {
    SupportTable.write();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void worksOn(Case test) throws IOException {
    Account account = Skip.unlessAvailable(test.account());
    for (String need : test.program().needs(test.variant())) {
      Skip.unlessInstalled(need);
    }
    String row = test.program().row(test.variant());
    boolean passed = false;
    try (Computation computation = Computation.prepare(account)) {
      computation.set("PATH", SEARCHED);
      computation.set("HOME", computation.work().toString());
      test.program().copy(computation.work(), account);
      work(test, computation);
      computation.passed();
      passed = true;
    } finally {
      SupportTable.add("programs", row, test.account(), passed);
      SupportTable.remark("programs", row, test.program().remark());
    }
  }

  private static void work(Case test, Computation computation) throws IOException {
    boolean writes = test.program().writes();
    computation.launch(
        List.of(), test.program().command(test.variant()).toArray(String[]::new));
    computation.awaitMoreTicks(0);
    for (int i = 0; i < STORM; i++) {
      computation.checkpoint();
    }
    computation.awaitMoreTicks(computation.ticks());
    if (SOAK) {
      soak(computation);
    }
    restart(computation, writes);
    if (!Boolean.getBoolean("dmtcp.it.quick")) {
      computation.awaitRunning();
      computation.checkpoint();
      computation.awaitMoreTicks(computation.ticks());
      restart(computation, writes);
    }
    Path finish = computation.work().resolve("finish");
    Files.createFile(finish);
    int status = computation.job().await(Computation.LIMIT);
    List<String> lines = computation.output().lines().toList();
    assertEquals("ok", lines.get(lines.size() - 1), computation::tail);
    assertEquals(STATUS, status, computation::tail);
  }

  private static void restart(Computation computation, boolean writes) throws IOException {
    if (writes) {
      computation.checkpointAndKill();
    } else {
      computation.checkpoint();
      computation.kill();
    }
    long ticks = computation.ticks();
    computation.restart();
    computation.awaitMoreTicks(ticks);
  }

  /** Checkpoints come by themselves, and the program gets on between them. */
  private static void soak(Computation computation) throws IOException {
    Coordinator coordinator = computation.coordinator();
    long first = coordinator.status().get("generation").asLong();
    coordinator.must("--interval", "1");
    for (int cycle = 1; cycle <= SOAK_CYCLES; cycle++) {
      long awaited = first + cycle;
      Wait.until(
          Computation.LIMIT,
          () -> coordinator.status().get("generation").asLong(),
          generation -> generation >= awaited,
          () -> "generation " + awaited + coordinator.log());
      computation.awaitMoreTicks(computation.ticks());
    }
    coordinator.must("--interval", "0");
  }
}
