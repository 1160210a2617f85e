package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.time.Duration;

/** Building the programs under test. */
final class Victims {
  private static final Duration LIMIT = Duration.ofMinutes(10);
  private static boolean built;

  private Victims() {}

  static synchronized void build() throws IOException {
    if (!built) {
      String directory = Tree.SOURCE.resolve("it/victims").toString();
      Outcome made = Command.run(LIMIT, "make", "-s", "-j2", "-C", directory);
      assertEquals(0, made.status(), made.text());
      built = true;
    }
  }
}
