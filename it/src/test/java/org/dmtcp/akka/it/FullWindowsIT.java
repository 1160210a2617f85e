package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Connections between two hosts that are always full, and one that is not read: many checkpoints,
 * some of which lose their engine in the middle. Every byte arrives once, in its order.
 */
@Timeout(value = 5, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class FullWindowsIT {
  /** More than find room in what a plain user may have: tcp_rmem, net.core.rmem_max. */
  private static final int MANY = 10;

  private final Map<String, Long> ticks = new LinkedHashMap<>();
  private HostNetwork network;
  private HostJob job;
  private Host beta;

  @AfterEach
  void end() throws IOException {
    if (network != null) {
      network.close();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {Account.PLAIN, Account.ROOT})
  void bearManyCheckpointsAndLostEngines(String account) throws IOException {
    begin(account);
    Outcome last = job.checkpoint();
    for (int n = 1; n < MANY && last.status() == 0; n++) {
      awaitMoreTicks();
      last = job.checkpoint();
    }
    if (account.equals(Account.ROOT)) {
      assertEquals(0, last.status(), last.text() + job.complaints());
    } else {
      assertTrue(last.status() == 0 || last.text().contains("socket-no-room"), last.text());
    }
    awaitMoreTicks();
    Files.createFile(unread());
    awaitMoreTicks();
    awaitCheckpoint(); // as soon as it has read enough
    for (int n = 0; n < 3; n++) {
      network.host("alpha").must("dmtcp_command", "-c");
      beta.runAsRoot("pkill", "-KILL", "-x", "dmtcp_engine"); // wherever the round is by now
      awaitMoreTicks();
      awaitCheckpoint(); // the engine is started again
    }
    job.checkpointAndKill();
    countTicks();
    Path hosts = network.shared().resolve("hostfile");
    Files.writeString(hosts, "beta\nalpha\n");
    job.restart("--hostfile", hosts.toString());
    awaitTicks();
    awaitCheckpoint();
    awaitMoreTicks();
    job.askAll();
    job.awaitNobody();
    for (String role : ticks.keySet()) {
      job.await(role + ".out", "\nok");
    }
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
    network = new HostNetwork(Skip.unlessAvailable(account), "alpha", "beta");
    beta = network.host("beta");
    job = new HostJob(network, "alpha", 7798);
    job.startCoordinator();
    List<Host> hosts = new ArrayList<>(network.hosts());
    for (String role : List.of("server", "client")) {
      ticks.put(role, 0L);
      List<String> words = new ArrayList<>(List.of(
          "dmtcp_launch", "--ckptdir", network.shared().toString(), Tree.victim("far_full"), role,
          network.host("alpha").address(), network.host("alpha").address6(), "5000"));
      if (role.equals("server")) {
        words.add(unread().toString());
      }
      hosts.remove(0).start(role, words.toArray(String[]::new));
    }
    for (String role : ticks.keySet()) {
      job.await(role + ".out", "ready");
    }
  }

  private void awaitMoreTicks() throws IOException {
    countTicks();
    awaitTicks();
  }

  private void countTicks() throws IOException {
    for (String role : ticks.keySet()) {
      ticks.put(role, count(role));
    }
  }

  private void awaitTicks() throws IOException {
    for (String role : ticks.keySet()) {
      Wait.until(HostNetwork.LIMIT, () -> count(role), n -> n > ticks.get(role),
          () -> "ticks of " + role + job.complaints());
    }
  }

  private long count(String role) throws IOException {
    String text = job.read(role + ".out");
    assertFalse(text.contains("bad: "), () -> role + ": " + text + job.complaints());
    return text.lines().filter(line -> line.startsWith("tick ")).count();
  }
}
