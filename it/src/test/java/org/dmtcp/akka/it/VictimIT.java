package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every program in {@code it/victims} keeps its state over checkpoints and restarts. */
@Timeout(value = 5, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@Execution(ExecutionMode.CONCURRENT)
class VictimIT {
  private static final int CYCLES = 3;

  /** Fair: whoever uses up what an account may have waits for the others, and they for it. */
  private static final ReadWriteLock COMPANY = new ReentrantReadWriteLock(true);

  /** One test. */
  record Case(Victim victim, String variant, String scenario, String account) {
    @Override
    public String toString() {
      return String.join(" ", victim.name(), variant, scenario, account);
    }
  }

  @BeforeAll
  static void build() throws IOException {
    Victims.build();
  }

  @AfterAll
  static void writeTable() throws IOException {
    SupportTable.write();
  }

  /** {@code dmtcp.it.victims}: a pattern of names; {@code dmtcp.it.quick}: restart only. */
  static Stream<Case> cases() throws IOException {
    String pattern = System.getProperty("dmtcp.it.victims", ".*");
    boolean quick = Boolean.getBoolean("dmtcp.it.quick");
    List<Case> cases = new ArrayList<>();
    for (Victim victim : Victim.all().stream().filter(v -> v.roles().isEmpty()).toList()) {
      for (String account : Accounts.names()) {
        if (victim.keys().containsKey("skip")) {
          SupportTable.notFor(
              victim.category(), victim.row(), account, "no: " + victim.keys().get("skip"));
        } else if (victim.name().matches(pattern)) {
          addCases(cases, victim, account, quick);
        }
      }
    }
    return cases.stream();
  }

  private static void addCases(List<Case> cases, Victim victim, String account, boolean quick) {
    for (String variant : victim.variants()) {
      for (String scenario : victim.scenarios()) {
        if (!quick || scenario.equals("restart")) {
          cases.add(new Case(victim, variant, scenario, account));
        }
      }
    }
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void keepsItsState(Case test) throws IOException {
    Victim victim = test.victim();
    if (victim.needs("root") && test.account().equals(Account.PLAIN)) {
      SupportTable.notFor(victim.category(), victim.row(), test.account(), "needs root");
      Skip.unless(false, "needs-root", "only root can set it up");
    }
    Account account = Skip.unlessAvailable(test.account());
    SupportTable.remark(victim.category(), victim.row(), victim.keys().getOrDefault("remark", ""));
    Lock company = victim.needs("alone") ? COMPANY.writeLock() : COMPANY.readLock();
    boolean passed = false;
    company.lock();
    try {
      run(test, account);
      passed = true;
    } finally {
      company.unlock();
      if (passed && victim.refused().isPresent()) {
        SupportTable.notFor(victim.category(), victim.row(), test.account(), "refused by name");
      } else {
        SupportTable.add(victim.category(), victim.row(), test.account(), passed);
      }
    }
  }

  private static void run(Case test, Account account) throws IOException {
    List<String> program = new ArrayList<>(List.of(test.victim().program(test.variant())));
    program.addAll(test.victim().arguments());
    try (Computation computation = Computation.prepare(account)) {
      if (test.victim().needs("tmpfs")) {
        Skip.unless(Accounts.runsAsRoot(), "mount", "a file system has to be mounted");
        computation.mount(computation.work(), "64m");
      }
      computation.launch(List.of(), program.toArray(String[]::new));
      computation.awaitLine("ready", "unavailable: ");
      skipIfUnavailable(computation);
      computation.awaitMoreTicks(0);
      switch (test.scenario()) {
        case "restart" -> cycle(computation);
        case "continue" -> goOn(computation);
        case "cycles" -> {
          for (int i = 0; i < CYCLES; i++) {
            cycle(computation);
          }
        }
        case "twice" -> {
          goOn(computation);
          goOn(computation);
          cycle(computation);
        }
        case "refused" -> refuse(computation, test.victim().refused().orElseThrow());
        default -> throw new AssertionError("scenario " + test.scenario());
      }
      computation.finish();
      computation.passed();
    }
  }

  private static void skipIfUnavailable(Computation computation) throws IOException {
    List<String> lines = computation.output().lines().toList();
    String first = lines.get(0);
    if (first.startsWith("unavailable: ")) {
      computation.passed();
      Skip.unless(false, "unavailable", first);
    }
  }

  /** Names process, object, reason and remedy before anything is stopped; the program goes on. */
  private static void refuse(Computation computation, String pattern) throws IOException {
    Outcome outcome = computation.coordinator().command("-bc");
    assertEquals(2, outcome.status(), outcome.text());
    assertTrue(Pattern.compile(pattern).matcher(outcome.err()).find(), outcome.text());
    assertTrue(outcome.err().lines().count() >= 2, "no remedy: " + outcome.text());
    assertEquals(List.of(), Directories.names(computation.images()));
    computation.awaitMoreTicks(computation.ticks());
    computation.awaitRunning();
  }

  private static void cycle(Computation computation) throws IOException {
    computation.checkpoint();
    computation.kill();
    long ticks = computation.ticks();
    computation.restart();
    computation.awaitMoreTicks(ticks);
    computation.awaitRunning();
  }

  private static void goOn(Computation computation) throws IOException {
    computation.checkpoint();
    computation.awaitMoreTicks(computation.ticks());
  }
}
