package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What nobody means well: a message with an id and a remedy comes of it, never a stack trace. */
@Timeout(value = 3, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class HostileIT extends SessionFixture {
  private static void assertCivil(Outcome outcome) {
    assertFalse(outcome.text().contains("\tat "), "a stack trace: " + outcome.text());
    assertFalse(outcome.text().contains("Exception"), outcome.text());
    assertTrue(outcome.status() < 128, "ended by a signal: " + outcome.text());
  }

  private Outcome shell(String script) throws IOException {
    Outcome outcome = session.run("bash", "-c",
        "PATH=" + Tree.SOURCE.resolve("bin") + ":$PATH; " + script);
    assertCivil(outcome);
    return outcome;
  }

  @ParameterizedTest
  @ValueSource(strings = {"0", "9", "19", "32", "33", "65", "-1", "USR1", "SIGUSR2", "", "12x"})
  void signalsThatCannotBeHadForCheckpoints(String signal) throws IOException {
    Outcome outcome = session.run("dmtcp_launch", "--ckpt-signal", signal, "true");
    assertCivil(outcome);
    assertEquals(99, outcome.status(), outcome.text());
    assertTrue(outcome.err().contains("bad-option") && outcome.err().contains("ckpt-signal"),
        outcome.err());
  }

  @ParameterizedTest
  @CsvSource({
    "DMTCP_COORD_PORT, x, 99, bad-option",
    "DMTCP_COORD_PORT, 70000, 99, bad-option",
    "DMTCP_CHECKPOINT_INTERVAL, -5, 99, bad-option",
    "DMTCP_COMPRESSION, rar, 99, bad-option",
    "DMTCP_FILE_PLUGIN, yes, 99, bad-option",
    "DMTCP_TMPDIR, /dev/null, 99, run-directory",
    "DMTCP_SIGCKPT, 999, 0, warning",
    "DMTCP_SIGCKPT, 9, 0, 'signal 9 cannot be had: it is taken as 12'",
    "DMTCP_SIGCKPT, 33, 0, 'signal 33 cannot be had: it is taken as 12'",
    "DMTCP_PATHVIRT_PLUGIN, maybe, 99, bad-option",
    "DMTCP_GZIP, what, 0, warning",
    "DMTCP_KEEP, 0, 0, warning",
    "DMTCP_QUIET, loud, 0, ''",
    "DMTCP_LOG_LEVEL, loud, 0, ''",
    "DMTCP_LOG_FILE, /nonexistent/log, 0, ''",
    "JALIB_STDERR_PATH, /nonexistent/log, 0, ''",
    "DMTCP_FAIL_RC, 1000, 0, ''",
  })
  void variablesThatHoldNonsense(String name, String value, int status, String said)
      throws IOException {
    session.set(name, value);
    Outcome outcome = session.run("dmtcp_launch", "true");
    assertCivil(outcome);
    assertEquals(status, outcome.status(), outcome.text());
    assertTrue(outcome.err().contains(said), outcome.err());
  }

  @ParameterizedTest
  @CsvSource({
    "DMTCP_CHECKPOINT_INTERVAL, x, 1, bad-option",
    "DMTCP_COORD_PORT, x, 1, bad-option",
    "DMTCP_CHECKPOINT_DIR, /proc/nowhere, 0, ''",
    "DMTCP_TMPDIR, /dev/null, 99, run-directory",
    "DMTCP_CREDENTIAL_DIR, /dev/null/x, 99, credential-unusable",
    "DMTCP_JAVA_OPTIONS, -Xnonsense, 99, Unrecognized",
    "DMTCP_QUIET, x, 0, ''",
    "DMTCP_LOG_OVERRIDES, ';;=;x=;=y;coordinator=loud', 0, ''",
  })
  void variablesOfTheCoordinatorThatHoldNonsense(
      String name, String value, int status, String said) throws IOException {
    session.set(name, value);
    List<String> words = new java.util.ArrayList<>(List.of("dmtcp_coordinator", "--daemon"));
    if (!name.equals("DMTCP_COORD_PORT")) {
      words.addAll(List.of("--port", "0"));
    }
    words.addAll(List.of("--port-file", "own-port"));
    Outcome outcome = session.run(words.toArray(String[]::new));
    assertCivil(outcome);
    assertEquals(status, outcome.status(), outcome.text());
    assertTrue(outcome.err().contains(said), outcome.err());
    if (status == 0) {
      assertEquals(0, session.run("dmtcp_command", "-p", session.read("own-port"), "-q").status());
    }
  }

  @Test
  void standardOutputThatTakesNothing() throws IOException {
    for (String target : List.of(">/dev/full", ">&-")) {
      assertEquals(2, shell("dmtcp_command -s " + target).status(), target);
      assertEquals(2, shell("dmtcp_command --json -s " + target).status(), target);
      assertEquals(99, shell("dmtcp_launch --help " + target).status(), target);
    }
    assertEquals(1, shell("dmtcp_command frobnicate 2>&-").status());
    assertEquals(1, shell("dmtcp_command frobnicate 2>/dev/full").status());
    // A program finds its descriptors as it was given them, also closed.
    assertEquals(3, shell("dmtcp_launch bash -c 'test -e /proc/$$/fd/1 || exit 3' >&-").status());
    assertEquals(7, shell("dmtcp_launch bash -c 'exit 7' <&- >&- 2>&-").status());
  }

  @ParameterizedTest
  @ValueSource(strings = {"empty", "zeros", "noise", "directory", "fifo", "unreadable", "cut"})
  void filesThatAreNoImages(String kind) throws IOException {
    String make = switch (kind) {
      case "empty" -> ": > x.dmtcp";
      case "zeros" -> "head -c 100000 /dev/zero > x.dmtcp";
      case "noise" -> "head -c 100000 /dev/urandom > x.dmtcp";
      case "directory" -> "mkdir x.dmtcp";
      case "fifo" -> "mkfifo x.dmtcp";
      case "unreadable" -> "echo x > x.dmtcp; chmod 0 x.dmtcp";
      default -> "printf DMTCPAK1 > x.dmtcp";
    };
    Outcome outcome = shell(make + "; dmtcp_restart x.dmtcp");
    assertEquals(99, outcome.status(), outcome.text());
    assertTrue(outcome.err().contains("[image-"), outcome.err());
    assertTrue(shell("dmtcp_restart --restartdir .").err().contains("[image-"));
  }

  @Test
  void namesThatAreNoText() throws IOException {
    String launch = "cp /bin/sleep \"$(printf 's\\377')\";"
        + " dmtcp_launch %s \"./$(printf 's\\377')\" 1000 >/dev/null 2>&1 &"
        + " for i in $(seq 300); do dmtcp_command -s | grep -q RUNNING=yes && break; sleep 0.1; done;";
    String end = " dmtcp_command -k; wait; exit $status";
    Outcome fine = shell(String.format(launch, "--ckptdir .")
        + " dmtcp_command -bc; status=$?; dmtcp_command --list; dmtcp_command --json --list;" + end);
    assertEquals(0, fine.status(), fine.text());
    coordinator.awaitNobody();
    // Where checkpoints cannot go: the program runs on, and we say why.
    Outcome refused = shell("mkdir \"$(printf 'd\\377')\"; "
        + String.format(launch, "--ckptdir \"$(printf 'd\\377')\"")
        + " dmtcp_command -bc; status=$?; dmtcp_command -s;" + end);
    assertTrue(refused.status() == 0 || refused.err().contains("[image-unwritable]"),
        refused.text());
    assertTrue(refused.out().contains("RUNNING=yes"), refused.text());
  }

  @Test
  void moreArgumentsThanAMessageHolds() throws IOException {
    Outcome outcome = shell("dmtcp_launch bash -c 'echo $#' x $(seq 100000)");
    assertEquals("100000\n", outcome.out());
    String longName = "a".repeat(5000);
    assertEquals(99, shell("dmtcp_launch " + longName).status());
    assertEquals(1, shell("dmtcp_command " + longName).status());
    assertEquals(1, shell("dmtcp_coordinator " + longName).status());
    assertEquals(99, shell("dmtcp_launch -h " + longName + " --join true").status());
    assertEquals(99, shell("dmtcp_launch --tmpdir /" + longName + " true").status());
  }

  /** A person who pipes us into something that ends first: what was asked for is done. */
  @Test
  void readersOfOurWordsWhoHaveGone() throws IOException {
    String gone = " 2> >(exec 0<&-; sleep 0.2)";
    assertEquals(7, shell("dmtcp_launch --ckptdir /proc/not/there bash -c 'sleep 0.3; exit 7'" + gone)
        .status());
    assertEquals(99, shell("dmtcp_launch nosuchprogram 2> >(exec 0<&-)").status());
    assertEquals(99, shell("dmtcp_restart nosuch.dmtcp 2> >(exec 0<&-)").status());
  }

  @Test
  void surroundingsInWhichNoCoordinatorCanBe() throws IOException {
    Outcome few = shell("ulimit -n 100; dmtcp_coordinator --daemon -p 0");
    assertEquals(99, few.status(), few.text());
    assertTrue(few.err().contains("[too-many-descriptors]"), few.err());
    Outcome memory = shell("ulimit -v 200000; dmtcp_coordinator --daemon -p 0");
    assertTrue(memory.status() != 0 && memory.err().contains("[coordinator-start]"), memory.text());
    Outcome nowhere = shell("mkdir d; cd d; rmdir ../d; dmtcp_coordinator --daemon -p 0");
    assertEquals(99, nowhere.status(), nowhere.text());
    assertTrue(nowhere.err().contains("the working directory: No such file"), nowhere.err());
  }

  @Test
  void damagedCredential() throws IOException {
    Path directory = session.directory().resolve("credential");
    session.set("DMTCP_CREDENTIAL_DIR", directory.toString());
    Outcome fine = shell("dmtcp_coordinator --daemon -p 0 --port-file p1"
        + " && dmtcp_command -p $(cat p1) -q");
    assertEquals(0, fine.status(), fine.text());
    Outcome outcome = shell("for f in credential/*; do echo nonsense > $f; done;"
        + " dmtcp_coordinator --daemon -p 0 --port-file p2");
    assertEquals(99, outcome.status(), outcome.text());
    assertTrue(outcome.err().contains("[credential-unusable]"), outcome.err());
  }
}
