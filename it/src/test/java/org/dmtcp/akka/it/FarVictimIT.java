package org.dmtcp.akka.it;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Victims of two roles, the server on one host and the client on another, all in one computation:
 * it goes on after a checkpoint, and comes back on its hosts, on each other's, and on one.
 */
@Timeout(value = 5, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class FarVictimIT extends HostsFixture {
  private static final int FIRST_PORT = 5000;

  private RoleTicks ticks;
  private List<Victim> victims;

  @AfterAll
  static void writeTable() throws IOException {
    SupportTable.write();
  }

  @ParameterizedTest
  @ValueSource(strings = {Account.PLAIN, Account.ROOT})
  void keepTheirConnectionsWhereverTheyComeBack(String account) throws IOException {
    begin(account);
    boolean passed = false;
    try {
      job.mustCheckpoint();
      ticks.awaitMore();
      comeBackAs("alpha", "beta");
      comeBackAs("beta", "alpha");
      comeBackAs("alpha", "alpha");
      job.mustCheckpoint();
      ticks.awaitMore();
      job.askAll();
      job.awaitNobody();
      ticks.awaitText("\nok");
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
    open(account, 7795, "alpha", "beta");
    job.startCoordinator();
    ticks = new RoleTicks(job);
    String pattern = System.getProperty("dmtcp.it.victims", ".*");
    victims = Victim.all().stream()
        .filter(v -> !v.roles().isEmpty() && v.name().matches(pattern)).toList();
    Assumptions.assumeFalse(victims.isEmpty(), "no victim of that name has roles");
    int port = FIRST_PORT;
    for (Victim victim : victims) {
      List<Host> hosts = new ArrayList<>(network.hosts());
      for (String role : victim.roles()) {
        String name = victim.name() + "_" + role;
        ticks.add(name);
        Host server = network.host("alpha");
        hosts.remove(0).start(name, "dmtcp_launch", "--ckptdir", network.shared().toString(),
            victim.program("dynamic"), role, server.address(), server.address6(),
            String.valueOf(port));
      }
      port += 10;
    }
    ticks.awaitText("ready");
  }

  /** Checkpoint, kill, and restart what was on alpha and on beta there. */
  private void comeBackAs(String alpha, String beta) throws IOException {
    job.checkpointAndKill();
    ticks.count();
    job.restart("--hostfile", job.hostfile(alpha, beta));
    ticks.awaitNext();
  }
}
