package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the job scripts and harnesses of a site do, beyond a row of the option table at a time. */
@Timeout(value = 5, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class HarnessIT {
  private Session session;

  @BeforeEach
  void begin() throws IOException {
    session = new Session(Accounts.find(Account.PLAIN).orElseThrow());
  }

  @AfterEach
  void end() throws IOException {
    session.close();
  }

  @ParameterizedTest
  @CsvSource({
    "dmtcp_launch --join --port 0 true, 99, can be joined",
    "dmtcp_launch -qj -p 0 true, 99, can be joined",
    "dmtcp_restart -jq -p 0 none.dmtcp, 99, none.dmtcp",
    "dmtcp_coordinator 7001 7002, 1, invalid argument: 7002",
    "dmtcp_coordinator -p 0 --daemon --coord-logfile /nowhere/log, 99, [file-unwritable]",
    "dmtcp_command -h no.such.host.invalid -p 7001 -s, 2, no host of that name is known",
  })
  void whatCannotBeIsToldInWords(String line, int status, String words) throws IOException {
    Outcome outcome = session.run(line.split(" "));
    assertEquals(status, outcome.status(), outcome.text());
    assertTrue(outcome.err().contains(words), outcome.err());
    assertEquals(0, session.sockets().size(), "nothing was started");
  }

  /** A temporary directory may be named as seen from where the program was launched. */
  @ParameterizedTest
  @CsvSource({"DMTCP_TMPDIR", "TMPDIR", "-t"})
  void relativeTmpdirHoldsWhereverTheProgramGoes(String how) throws IOException {
    String[] launch = {"dmtcp_launch", "-p", "0", "sh", "-c",
        "cd / && exec " + Tree.bin("dmtcp_command") + " --status"};
    if (how.equals("-t")) {
      launch[1] = "-tmeet";
      session.set("DMTCP_COORD_PORT", "0");
      launch[2] = "--";
    } else {
      session.set("DMTCP_TMPDIR", "").set(how, "meet");
    }
    Outcome outcome = session.run(launch);
    assertEquals(0, outcome.status(), outcome.text());
    assertTrue(outcome.out().contains("NUM_PEERS=1"), outcome.out());
    session.set("DMTCP_TMPDIR", session.directory().toString());
  }

  /** Batch systems limit the address space; a JVM must say so, and its words must arrive. */
  @Test
  void whatJavaSaysOfItsEndIsPassedOn() throws IOException {
    Outcome outcome = session.run(
        "bash", "-c", "ulimit -v 500000; exec " + Tree.bin("dmtcp_launch") + " -p 0 true");
    assertEquals(99, outcome.status(), outcome.text());
    assertTrue(outcome.err().contains("[coordinator-start]"), outcome.err());
    assertTrue(outcome.err().contains("enough space"), outcome.err());
  }

  @Test
  void forceWithoutARestartSaysThat() throws IOException {
    Coordinator coordinator = Coordinators.borrow(session.account());
    Outcome outcome = coordinator.command("f");
    assertEquals(2, outcome.status(), outcome.text());
    assertTrue(outcome.err().contains("no restart is going on"), outcome.err());
    Coordinators.giveBack(coordinator);
  }
}
