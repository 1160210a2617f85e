package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Coordinators, agents and links that go: the programs run on, and the hosts find each other. */
@Timeout(value = 5, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class HostLossIT extends HostsFixture {
  @BeforeEach
  void begin() throws IOException {
    open(Account.PLAIN, 7793, "alpha", "beta", "gamma");
    job.startCoordinator();
    job.launch("umask", network.shared().toString(), network.hosts());
    job.mustCheckpoint();
  }

  @Test
  void aNewCoordinatorAtTheAddressTakesThemOverAndCommitsNothingBefore() throws IOException {
    network.host("alpha").killJvm("coordinator.Main");
    job.startCoordinator();
    Wait.until(HostNetwork.LIMIT, () -> job.seat().run("dmtcp_command", "-s").out(),
        s -> s.contains("NUM_PEERS=1\n") || s.contains("NUM_PEERS=3\n"), job::complaints);
    Outcome early = job.checkpoint();
    assertTrue(early.status() == 0 || early.err().contains("host-missing"), early.text());

    job.awaitPeers(3);
    job.mustCheckpoint();
    allAreOk();
  }

  @Test
  void aCutLinkCostsNoGenerationAndMendsByItself() throws IOException {
    network.cut("beta");
    Wait.until(HostNetwork.LIMIT, job::checkpoint, o -> o.err().contains("host-missing"),
        job::complaints);
    network.mend("beta");

    job.awaitPeers(3);
    job.mustCheckpoint();
    allAreOk();
  }

  @Test
  void aHostThatMissedTheCommitLearnsOfItWhenItComesBack() throws IOException {
    Path images = checkpointOnEveryHostItself();
    network.cut("gamma");
    Wait.until(HostNetwork.LIMIT, job::checkpoint, o -> o.err().contains("host-missing"),
        job::complaints);
    List<String> committed = checkpointFiles(images);
    missTheCommit(images);
    network.mend("gamma");

    job.awaitPeers(3);
    Wait.until(HostNetwork.LIMIT, () -> checkpointFiles(images), committed::equals,
        job::complaints);
    job.mustCheckpoint();
    allAreOk();
  }

  @Test
  void theRestartScriptFindsTheImagesOfAHostThatMissedTheCommit() throws IOException {
    Path images = checkpointOnEveryHostItself();
    job.kill();
    missTheCommit(images);

    job.restart();
    job.awaitPeers(3);
    job.mustCheckpoint();
    allAreOk();
  }

  private Path checkpointOnEveryHostItself() throws IOException {
    job.kill();
    job.launch("umask", "/tmp", network.hosts());
    job.mustCheckpoint();
    return network.shared().resolve("gamma");
  }

  /** As if the link had gone between the host's last word and the rename of the manifest. */
  private static void missTheCommit(Path images) throws IOException {
    List<String> names = checkpointFiles(images);
    assertEquals(2, names.size(), names.toString());
    String manifest = Files.readString(images.resolve(names.get(1)));
    String round = manifest.replaceAll("(?s).*\"manifestId\" : \"(.{8}).*", "$1");
    for (String name : names) {
      Path file = images.resolve(name);
      Files.move(file, file.resolveSibling(name.endsWith(".json")
          ? name + ".gamma." + round + ".temp" : name + ".g00001-" + round));
    }
  }

  private static List<String> checkpointFiles(Path directory) throws IOException {
    return Directories.names(directory).stream()
        .filter(n -> n.startsWith("ckpt_") || n.startsWith("dmtcp_manifest_")).toList();
  }

  @Test
  void anAgentThatIsKilledComesBackWithItsProcesses() throws IOException {
    network.host("gamma").killJvm("host.AgentMain");
    Wait.until(HostNetwork.LIMIT, job::checkpoint, o -> o.status() == 0, job::complaints);

    job.awaitPeers(3);
    allAreOk();
  }

  /** The old ones run on, outside. */
  @Test
  void whoComesBackAfterTheJobWasRestartedElsewhereIsNotOfItAnyMore() throws IOException {
    Host gamma = network.host("gamma");
    network.cut("gamma");
    Wait.until(HostNetwork.LIMIT, job::checkpoint, o -> o.err().contains("host-missing"),
        job::complaints);
    job.seat().must("dmtcp_command", "-k");
    Wait.until(HostNetwork.LIMIT, () -> job.seat().run("dmtcp_command", "-s").out(),
        s -> s.contains("NUM_PEERS=0\n"), job::complaints);
    job.restart("--hostfile", job.hostfile("alpha", "beta", "beta"));
    job.awaitPeers(3);
    network.mend("gamma");

    job.await("coordinator.log", "Host gamma refused");
    job.mustCheckpoint();
    assertTrue(!job.list().contains("@gamma"), job.list());
    assertEquals(0, gamma.run("pgrep", "-x", "umask").status(), "the old one runs on");
  }

  private void allAreOk() throws IOException {
    job.finish(3);
    for (Host host : network.hosts()) {
      job.mustBeOk(host);
    }
  }
}
