package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Connections of one host that are full in both directions, that nobody reads and that are filled
 * again: any number of checkpoints, and every byte arrives once, in its order.
 */
@Timeout(value = 5, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class UnreadIT {
  /** More than found room: tcp_rmem, net.core.rmem_max. */
  private static final int MANY = 10;

  @BeforeAll
  static void build() throws IOException {
    Victims.build();
  }

  @ParameterizedTest
  @ValueSource(strings = {Account.PLAIN, Account.ROOT})
  void bearsManyCheckpoints(String account) throws IOException {
    run(account, MANY, Tree.victim("tcp_unread"));
  }

  @ParameterizedTest
  @ValueSource(strings = {Account.PLAIN, Account.ROOT})
  void bearsManyConnections(String account) throws IOException {
    run(account, 2, Tree.victim("tcp_unread"), "200", "50000");
  }

  private static void run(String name, int rounds, String... program) throws IOException {
    Account account = Skip.unlessAvailable(name);
    try (Computation computation = Computation.launch(account, program)) {
      computation.awaitLine("ready");
      for (int n = 0; n < rounds; n++) {
        computation.awaitMoreTicks(computation.ticks() + 1);
        computation.checkpoint();
      }
      computation.kill();
      long ticks = computation.ticks();
      computation.restart();
      computation.awaitMoreTicks(ticks);
      computation.awaitRunning();
      computation.checkpoint();
      computation.awaitMoreTicks(computation.ticks());
      computation.finish();
      assertEquals(0, computation.output().lines().filter(l -> l.startsWith("bad: ")).count());
      computation.passed();
    }
  }
}
