package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** MPI jobs of four ranks on one host, killed in mid-run and restarted: the right answer. */
@Timeout(value = 5, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class MpiIT {
  private static final Pattern RANK = Pattern.compile(", kernel\\[\\d+:(\\d+)\\]");

  static List<MpiCase> cases() {
    return MpiCase.all(Accounts.names());
  }

  @AfterAll
  static void writeTable() throws IOException {
    SupportTable.write();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void endsWithTheRightAnswer(MpiCase c) throws IOException {
    Account account = Skip.unlessAvailable(c.account());
    Skip.unlessInstalled("mpirun." + c.flavour());
    Coordinator coordinator = Coordinators.borrow(account);
    boolean passed = false;
    try (Session session = new Session(coordinator)) {
      session.set("OMPI_ALLOW_RUN_AS_ROOT", "1").set("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
      session.set("TMPDIR", session.directory().toString());
      build(session, c);
      run(coordinator, session, c);
      passed = true;
    } finally {
      SupportTable.add("MPI, four ranks on one host", c.flavour() + ", " + c.kernel(), c.account(),
          passed);
      coordinator.command("-k");
      coordinator.awaitNobody();
      Coordinators.giveBack(coordinator);
    }
  }

  private static void build(Session session, MpiCase c) throws IOException {
    Path sources = Tree.SOURCE.resolve("it/mpi");
    Path program = session.directory().resolve("kernel");
    Outcome built = Command.run(Session.LIMIT, "mpicc." + c.flavour(), "-O2", "-o",
        program.toString(), sources.resolve(c.kernel() + ".c").toString());
    assertEquals(0, built.status(), built.text());
  }

  private static void run(Coordinator coordinator, Session session, MpiCase c) throws IOException {
    List<String> words = new ArrayList<>(List.of("dmtcp_launch", "--join", "mpirun." + c.flavour()));
    if (c.flavour().equals("openmpi")) {
      words.add("--oversubscribe");
    }
    words.addAll(List.of("-np", "4", "./kernel"));
    session.start("job", words.toArray(String[]::new));
    session.await("job.out", "tick");
    coordinator.must("-bc");
    int before = ticks(session);
    awaitTicks(session, before + 1);
    coordinator.must("-k");
    coordinator.awaitNobody();

    // What was written after the checkpoint is cut off, and is written again.
    session.start("again", coordinator.script().toString());
    awaitTicks(session, before + 2);
    Matcher ranks = RANK.matcher(coordinator.must("--list"));
    assertEquals(true, ranks.find(), "no rank");
    Command.run(Session.LIMIT, "kill", "-USR1", ranks.group(1));
    session.await("job.out", "\nok");
  }

  private static int ticks(Session session) throws IOException {
    return (int) session.read("job.out").lines().filter(line -> line.startsWith("tick")).count();
  }

  private static void awaitTicks(Session session, int count) throws IOException {
    Wait.until(Session.LIMIT, () -> ticks(session), n -> n >= count, () -> count + " ticks");
  }
}
