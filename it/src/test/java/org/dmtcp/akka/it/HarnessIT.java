package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What the job scripts and harnesses of a site do, beyond a row of the option table at a time. */
@Timeout(value = 5, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class HarnessIT extends OwnSessionFixture {
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

  /** Scripts read a line per process, and a terminal must not obey a name. */
  @Test
  void aNameWithLinesAndEscapesIsOneLine() throws IOException {
    Path strange = session.directory().resolve("a\u001b[31m\n2, b[1:1]");
    Files.copy(Path.of("/bin/sleep"), strange);
    session.set("DMTCP_COORD_PORT", "0");
    Job job = session.start("job", "dmtcp_launch", "--port-file", "port", strange.toString(), "100");
    String port = Wait.until(Session.LIMIT, () -> session.read("port"),
        text -> !text.isEmpty() || job.ended(), () -> "a port; " + job.complaints());
    session.set("DMTCP_COORD_PORT", port);
    Wait.until(Session.LIMIT, () -> session.run("dmtcp_command", "-s").out(),
        text -> text.contains("RUNNING=yes"), () -> "a peer; " + job.complaints());

    String list = session.run("dmtcp_command", "--list").out();
    assertEquals(6, list.lines().count(), list);
    assertTrue(list.contains("\n1, a?[31m?2, b[1:1]["), list);
    assertEquals(0, session.run("dmtcp_command", "-bc").status());
    Outcome doctor = session.run("bash", "-c", Tree.bin("dmtcp_doctor") + " ckpt_*.dmtcp");
    assertTrue(doctor.out().contains("a?[31m?2, b"), doctor.text());
    session.run("dmtcp_command", "--kill");
    job.await(Session.LIMIT);
    job.close();
  }

  /** Whoever reads the JSON lines of a restart parses all that comes. */
  @ParameterizedTest
  @ValueSource(strings = {Account.PLAIN, Account.ROOT})
  void aRestartThatFailsSaysSoInJson(String account) throws IOException {
    try (Session own = new Session(Skip.unlessAvailable(account))) {
      Outcome outcome = own.run("dmtcp_restart", "--json", "no\u001bsuch.dmtcp");
      assertEquals(99, outcome.status(), outcome.text());
      JsonNode last = null;
      for (String line : outcome.err().lines().toList()) {
        last = new ObjectMapper().readTree(line);
      }
      assertEquals("image-unreadable", last.path("error_id").asText(), outcome.err());
      assertTrue(last.path("error").asText().startsWith("no?such.dmtcp"), outcome.err());
      assertFalse(last.path("remedy").asText().isEmpty(), outcome.err());
    }
  }

  /** A host behind "--" that looks like an option is for ssh to refuse, not for us to pass on. */
  @Test
  void aHostThatLooksLikeAnOptionIsNoOptionOfSsh() throws IOException {
    Path ssh = session.directory().resolve("ssh");
    Files.writeString(ssh, "#!/bin/sh\nprintf '%s,' \"$@\"\n");
    Files.setPosixFilePermissions(ssh, PosixFilePermissions.fromString("rwxr-xr-x"));
    Outcome outcome = session.run("dmtcp_ssh", ssh.toString(), "--", "-oProxyCommand=x", "true");
    assertEquals("--,-oProxyCommand=x,true,", outcome.out(), outcome.text());
    assertEquals("", outcome.err());
  }
}
