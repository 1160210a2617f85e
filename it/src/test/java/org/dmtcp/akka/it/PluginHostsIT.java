package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Plugins of one computation on several hosts: barriers, the store, and what goes wrong on one. */
@Timeout(value = 4, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class PluginHostsIT extends HostsFixture {
  private static final int PORT = 7797;

  @BeforeAll
  static void build() throws IOException {
    Examples.build();
  }

  private void begin(String account) throws IOException {
    open(account, PORT, "alpha", "beta");
    job.startCoordinator();
  }

  private void launch(String plugin, String program, int peers) throws IOException {
    for (Host host : network.hosts()) {
      host.start(host.name(), "dmtcp_launch", "--ckptdir", network.shared().toString(),
          "--with-plugin", Examples.list(plugin), Examples.path(program));
    }
    for (Host host : network.hosts()) {
      job.await(host.name() + ".out", "tick 1\n");
    }
    job.awaitPeers(peers);
  }

  private List<String> lines(String start) throws IOException {
    return (job.read("alpha.err") + job.read("beta.err")).lines()
        .filter(line -> line.startsWith(start)).toList();
  }

  /** Three processes on each of two hosts see six of them, behind a barrier over all. */
  @ParameterizedTest
  @ValueSource(strings = {Account.PLAIN, Account.ROOT})
  void processesOfAllHostsTellEachOther(String account) throws IOException {
    begin(account);
    launch("kv_exchange", "family", 6);
    job.mustCheckpoint();
    assertSix("checkpoint: ");
    job.kill();
    job.restart();
    job.awaitPeers(6);
    assertSix("restart: ");
  }

  private void assertSix(String when) throws IOException {
    Wait.until(HostNetwork.LIMIT, () -> lines(when).size(), n -> n == 6,
        () -> when + job.complaints());
    assertTrue(lines(when).stream().allMatch(l -> l.contains(" of 6, beside pid ")),
        () -> when + job.complaints());
  }

  /** Everything of the header on two hosts, also the barrier of one host. */
  @ParameterizedTest
  @ValueSource(strings = {Account.PLAIN})
  void barriersOfOneHostAndOfAll(String account) throws IOException {
    begin(account);
    launch("everything", "family", 6);
    for (int cycle = 0; cycle < 2; cycle++) {
      job.mustCheckpoint();
      job.kill();
      job.restart();
      job.awaitPeers(6);
      job.mustCheckpoint();
    }
    assertEquals(List.of(), lines("wrong"), job.complaints());
  }

  /** The fault of a hook on the other host is named; nobody is hurt, and the next try is free. */
  @ParameterizedTest
  @CsvSource({
    "faulty, crash, PRESUSPEND, signal 11", "faulty, crash, PRECHECKPOINT, signal 11",
    "faulty, crash, RESUME, signal 11", "faulty, exit, PRECHECKPOINT, called exit()",
    "faulty, exit, PRESUSPEND, called exit()", "throwing, throw, PRECHECKPOINT, exception",
    "faulty, hang, PRECHECKPOINT, did not return in time",
  })
  void aFaultOnAnotherHostEndsTheRoundOnly(
      String plugin, String fault, String event, String reason) throws IOException {
    begin(Account.PLAIN);
    network.host("beta").set("FAULT", fault).set("FAULT_EVENT", event);
    launch(plugin, "sleeper", 2);
    Outcome failed = job.checkpoint();
    assertNotEquals(0, failed.status(), failed.text());
    assertTrue(failed.text().contains("plugin " + plugin + ", event " + event)
        && failed.text().contains(reason), failed.text() + job.complaints());
    job.awaitPeers(2);
    for (Host host : network.hosts()) {
      String file = host.name() + ".out";
      long before = job.read(file).lines().count();
      Wait.until(HostNetwork.LIMIT, () -> job.read(file).lines().count(), n -> n > before,
          () -> "a tick more of " + file + job.complaints());
    }
  }
}
