package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A program without plugins does under checkpoint control what it does without: counted, not timed. */
@Timeout(value = 3, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class RunTimeCostIT {
  /** One thread, no function of ours in its way, the same instructions and system calls. */
  @Test
  void nothingIsAddedToWhatAProgramDoes() throws IOException {
    try (Computation c = Computation.prepare(Skip.unlessAvailable(Account.PLAIN))) {
      String program = c.images().resolveSibling("untouched").toString();
      Outcome made = Command.run(Session.LIMIT, "gcc", "-O1", "-Wall", "-Wextra", "-Werror",
          "-D_GNU_SOURCE", "-Wl,-z,now", "-o", program,
          Tree.SOURCE.resolve("it/programs/untouched.c").toString(), "-lpthread");
      assertEquals(0, made.status(), made.text());
      String without = Command.run(Session.LIMIT, program).out();
      assertTrue(without.endsWith("ok\n") && !without.contains("-1 "), without);
      assertFalse(without.contains("wrong"), without);

      c.launch(List.of(), program);
      assertEquals(0, c.job().await(Computation.LIMIT), c.tail());
      assertEquals(without, c.output());
      c.passed();
    }
  }
}
