package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What we write beside images, on a full file system of its own in a private mount namespace: it is
 * told by name, nothing half-written stays, and what runs goes on.
 */
@Timeout(value = 3, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class FullDiskIT {
  private static final String PREPARE =
      """
      set -u
      mkdir full here && mount -t tmpfs -o size=4m it full || exit 120
      fill() { dd if=/dev/zero of=full/filler bs=4096 status=none 2>/dev/null; }
      left() { ls -A full | grep -vx filler | sed 's/^/LEFT /'; }
      await() { for i in $(seq 300); do dmtcp_command -s | grep -q RUNNING=yes && return; sleep 0.1; done; }
      """;

  /** Inside the user namespace that lets it mount, a plain user is called root. */
  private static Outcome run(Account account, String script) throws IOException {
    String unshare = account.name().equals(Account.ROOT) ? "-m" : "-rm";
    try (Session session = new Session(account)) {
      session.set("DMTCP_TMPDIR", session.directory().resolve("here").toString());
      session.set("DMTCP_CREDENTIAL_DIR", session.directory().resolve("credential").toString());
      return session.run("unshare", unshare, "bash", "-c",
          "PATH=" + Tree.installed().resolve("bin") + ":$PATH\n" + PREPARE + script);
    }
  }

  static Stream<Arguments> files() {
    return Accounts.names().stream().flatMap(account -> Stream.of(
        Arguments.of(account, "dmtcp_coordinator -p 0 --daemon --port-file full/port",
            "file-unwritable", "full/port: No space left on device"),
        Arguments.of(account, "dmtcp_coordinator -p 0 --daemon --status-file full/state",
            "file-unwritable", "full/state: No space left on device"),
        Arguments.of(account, "dmtcp_launch --new-coordinator -p 0 --port-file full/port true",
            "file-unwritable", "the port file full/port: No space left on device"),
        Arguments.of(account, "mkdir full/run && fill; dmtcp_coordinator -p 0 --daemon -t full/run",
            "coordinator-start", "before it was ready")));
  }

  @ParameterizedTest
  @MethodSource("files")
  void filesThatCannotBeWritten(String name, String command, String id, String text)
      throws IOException {
    Account account = Skip.unlessAvailable(name);
    String fill = command.startsWith("mkdir") ? "" : "fill\n";
    Outcome outcome = run(account, fill + command + "\nstatus=$?\nrm -rf full/run\nleft\nexit $status");
    assertEquals(99, outcome.status(), outcome.text());
    assertTrue(outcome.err().contains("[" + id + "]"), outcome.text());
    assertTrue(outcome.err().contains(text), outcome.text());
    assertFalse(outcome.out().contains("LEFT"), outcome.text());
  }

  static List<String> accounts() {
    return Accounts.names();
  }

  /** The coordinator's directory, of manifest and script, is full; that of the images is not. */
  @ParameterizedTest
  @MethodSource("accounts")
  void restartScriptAndManifest(String name) throws IOException {
    Account account = Skip.unlessAvailable(name);
    Outcome outcome = run(account, """
        dmtcp_coordinator -q -p 0 --daemon --port-file here/port -c full || exit 121
        export DMTCP_COORD_PORT=$(cat here/port)
        dmtcp_launch -c here/images sleep 1000 >/dev/null 2>&1 </dev/null &
        await
        fill
        dmtcp_command -bc; echo "full $?"
        left
        ls -A here/images | sed 's/^/LEFT /'
        dmtcp_command -s
        rm full/filler
        dmtcp_command -bc; echo "space $?"
        before=$(cat full/dmtcp_restart_script.sh full/*.json | cksum)
        fill
        dmtcp_command -bc; echo "full again $?"
        [ "$before" = "$(cat full/dmtcp_restart_script.sh full/*.json | cksum)" ] && echo kept
        dmtcp_command -k
        rm full/filler
        bash full/dmtcp_restart_script.sh </dev/null >/dev/null 2>&1 &
        await
        dmtcp_command -bc; echo "restarted $?"
        dmtcp_command -q
        """);
    assertEquals(0, outcome.status(), outcome.text());
    assertTrue(outcome.err().contains("[disk-full]"), outcome.text());
    assertFalse(outcome.out().contains("LEFT"), outcome.text());
    assertEquals(
        List.of("full 2", "  RUNNING=yes", "space 0", "full again 2", "kept", "restarted 0"),
        outcome.out().lines()
            .filter(l -> l.matches("(full|space|full again|restarted) \\d+|kept|  RUNNING=.*"))
            .toList(), outcome.text());
  }
}
