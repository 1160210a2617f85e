package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What breaks, in every phase of a checkpoint and while a restart waits: two hosts whose programs
 * talk to each other. Afterwards they talk on, the last generation is whole and can be restarted,
 * and the next checkpoint is made. {@code -Ddmtcp.it.faults=all}: every fault in every phase.
 */
@Timeout(value = 20, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class FaultsIT extends HostsFixture {
  private static final boolean ALL = System.getProperty("dmtcp.it.faults", "").equals("all");
  private static final List<String> PHASES =
      List.of("FREEZE", "MATCH", "DRAIN", "SNAPSHOT", "REFILL", "RESUME", "WRITE", "COMMIT");
  private static final List<String> ROLES = List.of("server", "client");
  private static final ObjectMapper JSON = new ObjectMapper();

  enum Fault {
    AGENT(PHASES.subList(0, 4)),
    AGENT_LATER(PHASES.subList(4, 8)), // apart: the fifth death within a minute is taken for good
    COORDINATOR(List.of("DRAIN", "COMMIT")),
    LINK(List.of("SNAPSHOT"));

    /** Where it is tried when there is little time: the slow ones where most is at stake. */
    final List<String> phases;

    Fault(List<String> phases) {
      this.phases = phases;
    }
  }

  private Host alpha;
  private Host beta;
  private int peers;

  @ParameterizedTest
  @EnumSource(Fault.class)
  void costsNeitherTheProgramsNorTheLastGeneration(Fault fault) throws IOException {
    begin(Account.PLAIN);
    boolean everywhere = ALL && fault != Fault.AGENT && fault != Fault.AGENT_LATER;
    for (String phase : everywhere ? PHASES : fault.phases) {
      JsonNode before = manifest();
      holdAfter(phase);
      alpha.must("dmtcp_command", "-c");
      awaitHeld(phase);
      inject(fault);
      mend(fault);
      awaitMoreTicks();
      assertEquals(before, manifest(), phase);
      if (ALL || phase.equals("COMMIT")) {
        job.kill();
        restart();
      }
      job.mustCheckpoint();
      assertTrue(manifest().get("generation").asLong() > before.get("generation").asLong(), phase);
      awaitNothingLeft();
    }
    if (fault != Fault.AGENT_LATER) {
      whileARestartWaits(fault);
    }
  }

  /** Of the two halves one has come. */
  private void whileARestartWaits(Fault fault) throws IOException {
    JsonNode last = manifest();
    job.checkpointAndKill();
    assertNotEquals(last, manifest());
    List<String> words = new ArrayList<>(List.of("dmtcp_restart"));
    for (JsonNode image : manifest().get("images")) {
      if (image.get("host").asText().equals("beta")) {
        words.add(image.get("path").asText());
      }
    }
    Job half = beta.start("half", words.toArray(String[]::new));
    job.await("half.err", "waiting for");
    inject(fault);
    assertNotEquals(0, half.await(HostNetwork.LIMIT), half::complaints);
    assertEquals(1, beta.run("pgrep", "-x", "far_workers").status(), "nobody is left of it");
    if (fault == Fault.LINK) {
      network.mend("beta");
    } else if (fault == Fault.COORDINATOR) {
      job.startCoordinator();
    }
    restart();
    job.askAll();
    job.awaitNobody();
    for (String role : ROLES) {
      job.await(role + ".out", "\nok");
    }
  }

  // ---- the faults

  private void inject(Fault fault) throws IOException {
    switch (fault) {
      case AGENT, AGENT_LATER -> beta.killJvm("host.AgentMain");
      case COORDINATOR -> alpha.killJvm("coordinator.Main");
      case LINK -> network.cut("beta");
    }
  }

  /** Comes back by itself but for what somebody must do. */
  private void mend(Fault fault) throws IOException {
    if (fault == Fault.COORDINATOR) {
      job.startCoordinator();
    } else if (fault == Fault.LINK) {
      Wait.until(HostNetwork.LIMIT, () -> alpha.run("dmtcp_command", "-s").out(),
          s -> !s.contains("NUM_PEERS=" + peers + "\n") && s.contains("RUNNING=yes"),
          () -> "beta to be taken for lost" + job.complaints());
      network.mend("beta");
    }
    job.awaitPeers(peers);
  }

  // ---- the job

  private void begin(String account) throws IOException {
    Victims.build();
    network = new HostNetwork(Skip.unlessAvailable(account), "alpha", "beta");
    alpha = network.host("alpha");
    beta = network.host("beta");
    Path hold = Files.createDirectory(network.shared().resolve("hold"));
    Directories.give(hold, network.account());
    for (Host host : network.hosts()) {
      host.set("DMTCP_JAVA_OPTIONS", "-Ddmtcp.cluster.lost-after=1s -Ddmtcp.round.hold-file="
          + hold.resolve("phase"));
    }
    job = new HostJob(network, "alpha", 7797);
    job.startCoordinator();
    for (String role : ROLES) {
      Host host = role.equals("server") ? alpha : beta;
      host.start(role, "dmtcp_launch", "--ckptdir", network.shared().toString(),
          Tree.victim("far_workers"), role, alpha.address(), alpha.address6(), "5000");
    }
    for (String role : ROLES) {
      job.await(role + ".out", "ready");
    }
    job.mustCheckpoint();
    peers = manifest().get("images").size();
    job.awaitPeers(peers);
  }

  private void restart() throws IOException {
    job.restart();
    job.awaitPeers(peers);
    awaitMoreTicks();
  }

  private Path held() {
    return network.shared().resolve("hold").resolve("phase");
  }

  private void holdAfter(String phase) throws IOException {
    Files.writeString(held(), phase);
    Directories.give(held(), network.account());
  }

  private void awaitHeld(String phase) throws IOException {
    Wait.until(HostNetwork.LIMIT, () -> Files.exists(held()), exists -> !exists,
        () -> "the round to be held after " + phase + job.complaints());
  }

  private JsonNode manifest() throws IOException {
    String name = Directories.names(network.shared()).stream()
        .filter(n -> n.startsWith("dmtcp_manifest_") && n.endsWith(".json"))
        .findFirst().orElseThrow();
    return JSON.readTree(network.shared().resolve(name).toFile());
  }

  /** The commit has removed what the rounds before it have left. */
  private void awaitNothingLeft() throws IOException {
    Wait.until(HostNetwork.LIMIT, () -> Directories.names(network.shared()),
        names -> names.stream().noneMatch(n -> n.contains(".temp") || n.contains(".g0")),
        job::complaints);
  }

  private void awaitMoreTicks() throws IOException {
    for (String role : ROLES) {
      long before = ticks(role);
      Wait.until(HostNetwork.LIMIT, () -> ticks(role), n -> n > before,
          () -> "ticks of " + role + job.complaints());
    }
  }

  private long ticks(String role) throws IOException {
    String text = job.read(role + ".out");
    assertFalse(text.contains("bad: "), () -> role + ": " + text + job.complaints());
    return text.lines().filter(line -> line.startsWith("tick ")).count();
  }
}
