package org.dmtcp.akka.it;

import java.io.IOException;
import org.junit.jupiter.api.AfterEach;

/** Hosts that a test makes, which are gone after it, and what runs on them. */
abstract class HostsFixture {
  HostNetwork network;
  HostJob job;

  /** The coordinator, which is not started yet, has its seat on the first host. */
  final void open(String account, int port, String... hosts) throws IOException {
    network = new HostNetwork(Skip.unlessAvailable(account), hosts);
    job = new HostJob(network, hosts[0], port);
  }

  @AfterEach
  final void end() throws IOException {
    if (network != null) {
      network.close();
    }
  }
}
