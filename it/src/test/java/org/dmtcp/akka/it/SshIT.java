package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What a program of a computation gets when it starts ssh, against a real sshd of the same host. */
@Timeout(value = 5, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class SshIT {
  /** Shell lines in which {@code ssh $F far} stands for any ssh. What they write is compared. */
  private static final List<String> LINES =
      List.of(
          "ssh $F far 'echo a  b \"c  d\"; echo error >&2; exit 7'",
          "ssh $F far echo 'two  words' '$((1 + 1))' \\; pwd",
          "echo some input | ssh $F far 'cat; echo; exit 3'",
          "head -c 3000000 /dev/zero | ssh $F far 'cat; head -c 2000000 /dev/zero' | cksum",
          "ssh $F far 'head -c 1500000 /dev/zero >&2' 2>&1 >/dev/null | wc -c",
          "ssh $F far yes | head -n 2",
          "yes | ssh $F far head -n 2",
          "ssh $F far 'exec 0<&-; echo closed; exit 4' </dev/zero",
          "ssh $F far 'kill -9 $$'",
          "ssh $F far 'exec 1>&- 2>&-; sleep 0.1; exit 9'",
          "echo unread | ssh $F -n far 'cat; echo end'",
          "ssh $F -x far -o BatchMode=yes -q echo options behind the host",
          "/usr/bin/ssh $F -- far echo absolute path",
          "ssh $F -T far 'test -t 0 || echo no terminal'",
          "ssh $F far 'echo $HOME; ulimit -n >/dev/null; echo $SSH_TTY; id -un'",
          "ssh $F -V 2>&1 | cut -c 1-7",
          "ssh $F -o Port=1 far true 2>/dev/null",
          "ssh $F far no-such-command-there 2>/dev/null",
          "env -i PATH=/usr/bin:/bin ssh $F far echo clean environment",
          "perl -e 'system(\"ssh\", split(\" \", $ENV{F}), \"far\", \"echo perl\"); exit($? >> 8)'",
          "perl -e 'exec {\"/usr/bin/ssh\"} \"ssh\", split(\" \", $ENV{F}), \"far\", \"exit 5\"'",
          "python3 -c 'import os, subprocess; f = os.environ[\"F\"].split();"
              + " print(subprocess.run([\"ssh\"] + f + [\"far\", \"exit 6\"]).returncode);"
              + " p = os.posix_spawn(\"/usr/bin/ssh\", [\"ssh\"] + f + [\"far\", \"exit 8\"], os.environ);"
              + " print(os.waitstatus_to_exitcode(os.waitpid(p, 0)[1]));"
              + " print(os.popen(\"ssh $F far echo popen\").read())'",
          "echo far | xargs -I {} ssh $F {} echo xargs",
          "for i in 1 2 3; do ssh $F far \"echo $i; exit $i\"; echo $?; done");

  /** An sshd that is not root's gives no terminals, ours does: only comparable there. */
  private static final List<String> ROOT_LINES =
      List.of(
          "ssh $F -qtt far 'test -t 0 && test -t 1 && echo terminal; exit 6' </dev/null",
          "echo typed | ssh $F -q -o RequestTTY=force far 'read x; echo got $x'");

  /** Everything that one test needs, in the order in which it is given back. */
  private static final class Scene implements AutoCloseable {
    final Coordinator coordinator;
    final SshServer server;
    final Session session;

    Scene(String name) throws IOException {
      Account account = Skip.unlessAvailable(name);
      Skip.unlessInstalled("sshd");
      coordinator = Coordinators.borrow(account);
      server = SshServer.start(account);
      session = new Session(coordinator).set("F", server.options());
    }

    @Override
    public void close() throws IOException {
      coordinator.command("-k");
      coordinator.awaitNobody();
      session.close();
      server.close();
      Coordinators.giveBack(coordinator);
    }
  }

  static List<String> accounts() {
    return Accounts.names();
  }

  @AfterAll
  static void writeTable() throws IOException {
    SupportTable.write();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("accounts")
  void behavesAsPlainSsh(String name) throws IOException {
    List<String> differences = new ArrayList<>();
    try (Scene scene = new Scene(name)) {
      List<String> lines = new ArrayList<>(LINES);
      if (name.equals(Account.ROOT)) {
        lines.addAll(ROOT_LINES);
      }
      for (String line : lines) {
        Outcome plain = scene.session.run("bash", "-c", line);
        Outcome ours = scene.session.run("dmtcp_launch", "--join", "bash", "-c", line);
        if (!plain.text().equals(ours.text()) || plain.status() != ours.status()) {
          differences.add(line + "\nplain: " + plain + "\nours: " + ours);
        }
      }
    }
    assertTrue(differences.isEmpty(), () -> String.join("\n\n", differences));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("accounts")
  void takesTheCommandIntoTheComputation(String name) throws IOException {
    try (Scene scene = new Scene(name)) {
      scene.session.start("job", "dmtcp_launch", "--join", "sh", "-c", "ssh $F far 'echo up; cat' </dev/zero >up");
      scene.session.await("up", "up");
      String list = scene.coordinator.must("--list");
      for (String program : List.of("dmtcp_ssh[", "dmtcp_sshd[", "cat[")) {
        assertTrue(list.contains(program), list);
      }
      assertFalse(list.contains(" ssh["), list);
    }
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("accounts")
  void carriesInputAndOutputOnAfterARestart(String name) throws IOException {
    boolean passed = false;
    try (Scene scene = new Scene(name)) {
      restart(scene, "ssh $F far", "sed -u s/^/got:/; echo end; exit 5");
      passed = true;
    } finally {
      SupportTable.add("across hosts", "ssh, its input and output", name, passed);
    }
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("accounts")
  void keepsItsTerminalOverARestart(String name) throws IOException {
    boolean passed = false;
    try (Scene scene = new Scene(name)) {
      restart(scene, "ssh $F -tt far", "test -t 0 && sed -u s/^/got:/; echo end; exit 5");
      passed = true;
    } finally {
      SupportTable.add("across hosts", "ssh with a terminal (-tt)", name, passed);
    }
  }

  /** Two pipes that stay, whoever reads and writes them. */
  private static void restart(Scene scene, String ssh, String command) throws IOException {
    Session session = scene.session;
    String script =
        """
        (for i in $(seq 60); do
           echo line $i
           while [ ! -e go$i ] && [ $i -ge 20 ] && [ ! -e all ]; do sleep 0.05; done
         done; printf '\\004') | %s '%s' >there
        echo status $? >status
        """
            .formatted(ssh, command);
    session.start("job", "dmtcp_launch", "--join", "bash", "-c", script);
    session.await("there", "got:line 20");
    scene.coordinator.must("-bc");
    Files.createFile(session.directory().resolve("go20"));
    session.await("there", "got:line 21");
    scene.coordinator.must("-k");
    scene.coordinator.awaitNobody();
    Files.delete(session.directory().resolve("go20"));
    session.start("again", scene.coordinator.script().toString());
    Files.createFile(session.directory().resolve("all"));
    session.await("status", "status");
    assertEquals("status 5", session.read("status").strip(), session.read("again.err"));
    List<String> expected = new ArrayList<>();
    for (int i = 1; i <= 60; i++) {
      expected.add("got:line " + i);
    }
    expected.add("end");
    // a terminal echoes what is typed, and that between the lines of the command
    List<String> there = Pattern.compile("got:line \\d+|end").matcher(session.read("there")).results()
        .map(MatchResult::group).toList();
    assertEquals(expected, there);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("accounts")
  void copiesWithRsync(String name) throws IOException {
    Skip.unlessInstalled("rsync");
    try (Scene scene = new Scene(name)) {
      Path directory = scene.session.directory();
      Outcome copied =
          scene.session.run(
              "dmtcp_launch", "--join", "sh", "-c",
              "mkdir from && cp -r /usr/include/linux from && rsync -a -e \"ssh $F\" from/ far:"
                  + directory + "/to && rsync -a -e \"ssh $F\" far:" + directory + "/to/ back"
                  + " && diff -r from back && echo same");
      assertEquals("same\n", copied.out(), copied.text());
      assertEquals(0, copied.status(), copied.text());
    }
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("accounts")
  void fallsBackToPlainSshWithAWarning(String name) throws IOException {
    try (Scene scene = new Scene(name)) {
      scene.session.set("DMTCP_REMOTE_PREFIX", "/nonexistent");
      Outcome outcome = scene.session.run("dmtcp_launch", "--join", "ssh", "-F",
          scene.server.options().substring(3), "far", "echo works $DMTCP_COMPUTATION_ID; exit 3");
      assertEquals("works\n", outcome.out());
      assertEquals(3, outcome.status());
      assertTrue(outcome.err().contains("ssh-not-started"), outcome.err());
      assertTrue(outcome.err().contains("plain ssh is used"), outcome.err());
    }
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("accounts")
  void isLeftAloneOnRequest(String name) throws IOException {
    try (Scene scene = new Scene(name)) {
      Outcome outcome = scene.session.run("dmtcp_launch", "--join", "--disable-ssh-plugin", "sh",
          "-c", "ssh $F far 'echo [$DMTCP_COMPUTATION_ID]'");
      assertEquals("[]\n", outcome.out(), outcome.text());
    }
  }
}
