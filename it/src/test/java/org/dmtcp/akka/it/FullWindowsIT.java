package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Connections between two hosts that are always full, and one that is not read: many checkpoints,
 * some of which lose their engine in the middle. Every byte arrives once, in its order.
 */
@Timeout(value = 5, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class FullWindowsIT extends HostsFixture {
  /** More than find room in what a plain user may have: tcp_rmem, net.core.rmem_max. */
  private static final int MANY = 10;

  private RoleTicks ticks;
  private Host beta;

  @ParameterizedTest
  @ValueSource(strings = {Account.PLAIN, Account.ROOT})
  void bearManyCheckpointsAndLostEngines(String account) throws IOException {
    begin(account);
    Outcome last = job.checkpoint();
    for (int n = 1; n < MANY && last.status() == 0; n++) {
      ticks.awaitMore();
      last = job.checkpoint();
    }
    if (account.equals(Account.ROOT)) {
      assertEquals(0, last.status(), last.text() + job.complaints());
    } else {
      assertTrue(last.status() == 0 || last.text().contains("socket-no-room"), last.text());
    }
    ticks.awaitMore();
    Files.createFile(unread());
    ticks.awaitMore();
    awaitCheckpoint(); // as soon as it has read enough
    for (int n = 0; n < 3; n++) {
      network.host("alpha").must("dmtcp_command", "-c");
      beta.runAsRoot("pkill", "-KILL", "-x", "dmtcp_engine"); // wherever the round is by now
      ticks.awaitMore();
      awaitCheckpoint(); // the engine is started again
    }
    job.checkpointAndKill();
    ticks.count();
    job.restart("--hostfile", job.hostfile("beta", "alpha"));
    ticks.awaitNext();
    awaitCheckpoint();
    ticks.awaitMore();
    job.askAll();
    job.awaitNobody();
    ticks.awaitText("\nok");
  }

  private void awaitCheckpoint() throws IOException {
    Wait.until(HostNetwork.LIMIT, job::checkpoint, o -> o.status() == 0,
        () -> "a checkpoint" + job.complaints());
  }

  private Path unread() {
    return network.shared().resolve("read");
  }

  private void begin(String account) throws IOException {
    Victims.build();
    open(account, 7798, "alpha", "beta");
    beta = network.host("beta");
    job.startCoordinator();
    ticks = new RoleTicks(job);
    List<Host> hosts = new ArrayList<>(network.hosts());
    for (String role : List.of("server", "client")) {
      ticks.add(role);
      List<String> words = new ArrayList<>(List.of(
          "dmtcp_launch", "--ckptdir", network.shared().toString(), Tree.victim("far_full"), role,
          network.host("alpha").address(), network.host("alpha").address6(), "5000"));
      if (role.equals("server")) {
        words.add(unread().toString());
      }
      hosts.remove(0).start(role, words.toArray(String[]::new));
    }
    ticks.awaitText("ready");
  }
}
