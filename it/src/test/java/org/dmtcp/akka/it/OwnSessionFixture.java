package org.dmtcp.akka.it;

import java.io.IOException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** A plain user at a prompt, without a coordinator yet: the test starts its own. */
abstract class OwnSessionFixture {
  Session session;

  @BeforeEach
  final void begin() throws IOException {
    session = new Session(Accounts.find(Account.PLAIN).orElseThrow());
  }

  @AfterEach
  final void end() throws IOException {
    session.close();
  }
}
