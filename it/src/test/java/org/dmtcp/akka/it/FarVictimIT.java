package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Victims of two roles, the server on one host and the client on another, all in one computation:
 * it goes on after a checkpoint, and comes back on its hosts, on each other's, and on one.
 */
@Timeout(value = 5, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class FarVictimIT {
  private static final int FIRST_PORT = 5000;

  private final Map<String, Long> ticks = new LinkedHashMap<>();
  private HostNetwork network;
  private HostJob job;
  private List<Victim> victims;

  @AfterAll
  static void writeTable() throws IOException {
    SupportTable.write();
  }

  @AfterEach
  void end() throws IOException {
    if (network != null) {
      network.close();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {Account.PLAIN, Account.ROOT})
  void keepTheirConnectionsWhereverTheyComeBack(String account) throws IOException {
    begin(account);
    boolean passed = false;
    try {
      job.mustCheckpoint();
      awaitMoreTicks();
      comeBackAs("alpha", "beta");
      comeBackAs("beta", "alpha");
      comeBackAs("alpha", "alpha");
      job.mustCheckpoint();
      awaitMoreTicks();
      job.askAll();
      job.awaitNobody();
      for (String name : ticks.keySet()) {
        job.await(name + ".out", "\nok");
      }
      passed = true;
    } finally {
      for (Victim victim : victims) {
        SupportTable.add(victim.category(), victim.row(), account, passed);
      }
    }
  }

  /** {@code dmtcp.it.victims}: a pattern of names. */
  private void begin(String account) throws IOException {
    Victims.build();
    network = new HostNetwork(Skip.unlessAvailable(account), "alpha", "beta");
    job = new HostJob(network, "alpha", 7795);
    job.startCoordinator();
    String pattern = System.getProperty("dmtcp.it.victims", ".*");
    victims = Victim.all().stream()
        .filter(v -> !v.roles().isEmpty() && v.name().matches(pattern)).toList();
    Assumptions.assumeFalse(victims.isEmpty(), "no victim of that name has roles");
    int port = FIRST_PORT;
    for (Victim victim : victims) {
      List<Host> hosts = new ArrayList<>(network.hosts());
      for (String role : victim.roles()) {
        String name = victim.name() + "_" + role;
        ticks.put(name, 0L);
        Host server = network.host("alpha");
        hosts.remove(0).start(name, "dmtcp_launch", "--ckptdir", network.shared().toString(),
            victim.program("dynamic"), role, server.address(), server.address6(),
            String.valueOf(port));
      }
      port += 10;
    }
    for (String name : ticks.keySet()) {
      job.await(name + ".out", "ready");
    }
  }

  /** Checkpoint, kill, and restart what was on alpha and on beta there. */
  private void comeBackAs(String alpha, String beta) throws IOException {
    job.checkpointAndKill();
    countTicks();
    Path hosts = network.shared().resolve("hostfile");
    Files.writeString(hosts, alpha + "\n" + beta + "\n");
    job.restart("--hostfile", hosts.toString());
    awaitTicks();
  }

  private void awaitMoreTicks() throws IOException {
    countTicks();
    awaitTicks();
  }

  private void countTicks() throws IOException {
    for (String name : ticks.keySet()) {
      ticks.put(name, count(name));
    }
  }

  /** What was written after the checkpoint is cut off by a restart, and is written again. */
  private void awaitTicks() throws IOException {
    for (String name : ticks.keySet()) {
      Wait.until(HostNetwork.LIMIT, () -> count(name), n -> n > ticks.get(name),
          () -> "ticks of " + name + job.complaints());
    }
  }

  private long count(String name) throws IOException {
    String text = job.read(name + ".out");
    assertFalse(text.contains("bad: "), () -> name + ": " + text + job.complaints());
    return text.lines().filter(line -> line.startsWith("tick ")).count();
  }
}
