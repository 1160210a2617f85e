package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** One host of several cannot restart its processes: nobody waits for them. */
@Timeout(value = 5, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class RestartScriptIT extends HostsFixture {
  private void begin(String account) throws IOException {
    open(account, 7797, "alpha", "beta", "gamma");
    job.startCoordinator();
    job.launch("umask", network.shared().toString(), network.hosts());
    job.mustCheckpoint();
    job.kill();
  }

  @ParameterizedTest
  @ValueSource(strings = {Account.PLAIN, Account.ROOT})
  void aDamagedImageOfOneHostEndsTheRestartOfAll(String account) throws IOException {
    begin(account);
    Path image = imageOf("beta");
    byte[] whole = Files.readAllBytes(image);
    Files.write(image, java.util.Arrays.copyOf(whole, whole.length / 2));
    String said = restartFails("beta");
    assertTrue(said.contains("[image-truncated]"), said);
    Files.write(image, whole);

    restartSucceeds();
  }

  /** The one with the terminal, which the script waits for itself. */
  @ParameterizedTest
  @ValueSource(strings = {Account.PLAIN})
  void soDoesAHostWithoutDmtcp(String account) throws IOException {
    begin(account);
    Host gamma = network.host("gamma");
    String bin = Path.of(Tree.bin("dmtcp_restart")).getParent().toString();
    Path script = network.shared().resolve("dmtcp_restart_script.sh").toRealPath();
    Files.writeString(script, Files.readString(script)
        .replaceFirst("\nterminal_host=.*\n", "\nterminal_host=gamma\n"));
    gamma.runAsRoot("mount", "-t", "tmpfs", "none", bin);
    String said = restartFails("gamma");
    assertTrue(said.contains("cannot be executed there"), said);
    gamma.runAsRoot("umount", bin);

    restartSucceeds();
  }

  // ---- what the tests do

  private Path imageOf(String host) throws IOException {
    Path script = network.shared().resolve("dmtcp_restart_script.sh");
    return Path.of(Files.readString(script)
        .replaceFirst("(?s).*# Images of " + host + "\\.\n\\S+\n\\s*'?([^'\n]*)'?\n.*", "$1"));
  }

  private String restartFails(String host) throws IOException {
    Job restart = job.restart();
    int status = restart.await(HostNetwork.LIMIT);
    String said = restart.complaints();
    assertEquals(99, status, said);
    assertTrue(said.contains("host " + host + " could not be restarted"), said);
    for (Host each : network.hosts()) {
      Outcome left = each.run("pgrep", "-a", "dmtcp_restart|umask");
      assertEquals(1, left.status(), () -> each.name() + ": " + left.text());
    }
    return said;
  }

  private void restartSucceeds() throws IOException {
    job.restart();
    job.awaitPeers(3);
    job.finish(3);
    for (Host host : network.hosts()) {
      job.mustBeOk(host);
    }
  }
}
