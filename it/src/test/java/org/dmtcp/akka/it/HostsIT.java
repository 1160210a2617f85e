package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A computation over four hosts: launched, checkpointed as one, restarted on the same or others. */
@Timeout(value = 5, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class HostsIT extends HostsFixture {
  private static final int PORT = 7791;

  private void begin(String account) throws IOException {
    open(account, PORT, "alpha", "beta", "gamma", "delta");
  }

  @ParameterizedTest
  @ValueSource(strings = {Account.PLAIN, Account.ROOT})
  void oneCommandRestartsAllHostsAgainAndAgain(String account) throws IOException {
    begin(account);
    job.startCoordinator();
    job.launch("umask", network.shared().toString(), network.hosts());
    for (int cycle = 0; cycle < 2; cycle++) {
      job.mustCheckpoint();
      job.kill();
      job.restart();
      job.awaitPeers(4);
    }
    allAreOk();
  }

  @ParameterizedTest
  @ValueSource(strings = {Account.PLAIN})
  void imagesMayBeWhereOnlyTheirHostSeesThem(String account) throws IOException {
    begin(account);
    job.startCoordinator();
    job.launch("umask", "/tmp/images", network.hosts());
    job.mustCheckpoint();
    for (Host host : network.hosts()) {
      assertEquals(1, host.must("sh", "-c", "ls /tmp/images/ckpt_*.dmtcp").lines().count());
    }
    job.kill();
    job.restart();
    job.awaitPeers(4);
    allAreOk();
  }

  @ParameterizedTest
  @ValueSource(strings = {Account.PLAIN, Account.ROOT})
  void aHostfileMovesThemToOtherHostsAndANewCoordinator(String account) throws IOException {
    begin(account);
    job.startCoordinator();
    job.launch("umask", network.shared().toString(), network.hosts());
    job.mustCheckpoint();
    quit();
    job.moveTo("gamma");
    job.restart("--coord-host", "gamma", "--coord-port", "7792", "--hostfile",
        job.hostfile("# rotated", "beta", "gamma", "delta", "alpha"), "--interval", "0");
    network.hosts().forEach(host -> host.set("DMTCP_COORD_PORT", "7792"));
    job.awaitPeers(4);

    String list = job.list();
    for (Host host : network.hosts()) {
      assertTrue(list.contains("@" + host.name() + ","), list);
    }
    job.mustCheckpoint();
    allAreOk();
  }

  @ParameterizedTest
  @ValueSource(strings = {Account.PLAIN, Account.ROOT})
  void twoHostsProcessesWithTheSameNumbersFitOnOne(String account) throws IOException {
    begin(account);
    for (Host host : network.hosts()) {
      host.runAsRoot("sh", "-c", "echo 20000 >/proc/sys/kernel/ns_last_pid");
    }
    job.startCoordinator();
    job.launch("umask", network.shared().toString(), network.hosts());
    job.mustCheckpoint();
    quit();
    Path script = network.shared().resolve("dmtcp_restart_script.sh").toRealPath();
    String edited = Files.readString(script)
        .replace("\nbeta  beta\n", "\nbeta  alpha\n").replace("\ndelta  delta\n", "\ndelta  gamma\n");
    Files.writeString(script, edited);
    job.restart();
    job.awaitPeers(4);

    String list = job.list();
    assertTrue(!list.contains("@beta,") && !list.contains("@delta,"), list);
    allAreOk();
  }

  @ParameterizedTest
  @ValueSource(strings = {Account.PLAIN})
  void theMissingAreNamedAndTheRestGoesOnWhenForced(String account) throws IOException {
    begin(account);
    List<Host> two = List.of(network.host("alpha"), network.host("beta"));
    job.startCoordinator();
    job.launch("umask", network.shared().toString(), two);
    job.mustCheckpoint();
    job.kill();
    Path script = network.shared().resolve("dmtcp_restart_script.sh").toRealPath();
    Files.writeString(script, Files.readString(script).replace("\nbeta  beta\n", "\n"));
    job.restart();
    job.await("restart.err", "@beta)");
    String status = job.seat().must("dmtcp_command", "-s"); // scripts wait until it says yes
    assertTrue(status.contains("NUM_PEERS=0\n  RUNNING=no\n"), status);
    job.seat().must("dmtcp_command", "f");

    job.awaitPeers(1);
    job.finish(1);
    job.mustBeOk(two.get(0));
  }

  /** A program that starts another one says so to nobody. */
  @ParameterizedTest
  @ValueSource(strings = {Account.PLAIN, Account.ROOT})
  void whatProgramsOfOtherHostsHaveStartedIsListedAtOnce(String account) throws IOException {
    begin(account);
    job.startCoordinator();
    network.host("beta").must("mkfifo", "order");
    network.host("beta").start("beta", "dmtcp_launch", "--ckptdir", network.shared().toString(),
        "sh", "-c", "exec 3<>order; while read word <&3; do sleep 600 & echo started $word; done");
    job.awaitPeers(1);
    orderAnother("first");
    String list = job.list();
    assertEquals(3, list.split("@beta,").length, list);
    orderAnother("second");
    String status = job.seat().must("dmtcp_command", "-s");
    assertTrue(status.contains("NUM_PEERS=3\n"), status);
    orderAnother("third");
    String json = network.host("gamma").must("dmtcp_command", "--json", "-s");
    assertTrue(json.contains("\"num_peers\":4,"), json);
  }

  private void orderAnother(String word) throws IOException {
    network.host("beta").must("sh", "-c", "echo " + word + " >order");
    job.await("beta.out", "started " + word);
  }

  /** Programs, commands and restarts name it as they like: a host has one agent for it. */
  @ParameterizedTest
  @ValueSource(strings = {Account.PLAIN})
  void allNamesOfItsHostMeanOneCoordinator(String account) throws IOException {
    begin(account);
    Host alpha = network.host("alpha");
    Host beta = network.host("beta");
    List<String> names = List.of(
        alpha.address6(), "alpha", alpha.address(), "ALPHA" + HostNetwork.DOMAIN);
    job.startCoordinator();
    for (String name : names) {
      for (Host host : List.of(alpha, beta)) {
        host.start(host.name() + name, "dmtcp_launch", "--coord-host", name,
            "--ckptdir", network.shared().toString(), Tree.victim("umask"));
      }
      job.awaitPeers(2 + 2 * names.indexOf(name));
      String status = beta.must("dmtcp_command", "--coord-host", name, "-s");
      assertTrue(status.contains("NUM_PEERS=" + (2 + 2 * names.indexOf(name)) + "\n"), status);
    }
    assertEquals("1", beta.must("pgrep", "-c", "-f", "org[.]dmtcp.*AgentMain").strip());
    assertEquals("0", alpha.run("pgrep", "-c", "-f", "org[.]dmtcp.*AgentMain").out().strip());
    job.mustCheckpoint();
    job.finish(8);
  }

  @ParameterizedTest
  @ValueSource(strings = {Account.PLAIN})
  void aHostWithoutProcessesCommandsTheCoordinatorOfAnother(String account) throws IOException {
    begin(account);
    Host login = network.host("beta");
    job.startCoordinator();
    job.launch("umask", network.shared().toString(), List.of(network.host("alpha")));
    String status = login.must("dmtcp_command", "--json", "--status");
    assertTrue(status.contains("\"coordinator_host\":\"alpha\""), status);
    assertTrue(status.contains("\"num_peers\":1,\"running\":true"), status);
    login.must("dmtcp_command", "--bcheckpoint");
    assertTrue(login.must("dmtcp_command", "-l").contains("@alpha,"), "a list");

    Outcome stranger = network.host("gamma").set("DMTCP_CREDENTIAL_DIR", "/tmp/other")
        .run("dmtcp_command", "-s");
    assertEquals(2, stranger.status(), stranger.text());
    assertTrue(stranger.err().contains("does not hold the credential in /tmp/other"), stranger.err());

    login.must("dmtcp_command", "--quit");
    Outcome gone = login.run("dmtcp_command", "-s");
    assertEquals(2, gone.status(), gone.text());
    assertTrue(gone.err().contains("Coordinator not found"), gone.err());
  }

  // ---- what the tests do

  private void quit() throws IOException {
    job.seat().must("dmtcp_command", "-q");
    Wait.until(HostNetwork.LIMIT, () -> job.seat().run("dmtcp_command", "-s"),
        s -> s.status() != 0, () -> "the coordinator to be gone");
  }

  private void allAreOk() throws IOException {
    job.finish(4);
    for (Host host : network.hosts()) {
      job.mustBeOk(host);
    }
  }
}
