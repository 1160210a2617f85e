package org.dmtcp.akka.it;

import java.io.IOException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** A plain user at a prompt, and a coordinator that tests share, left as it was found. */
abstract class SessionFixture {
  Coordinator coordinator;
  Session session;

  @BeforeEach
  final void begin() throws IOException {
    coordinator = Coordinators.borrow(Accounts.find(Account.PLAIN).orElseThrow());
    session = new Session(coordinator);
  }

  @AfterEach
  final void end() throws IOException {
    coordinator.command("-i", "0");
    coordinator.command("-k");
    coordinator.awaitNobody();
    session.close();
    Coordinators.giveBack(coordinator);
  }
}
