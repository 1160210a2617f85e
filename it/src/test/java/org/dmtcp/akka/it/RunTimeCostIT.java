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
  private static final String THREADS = "threads: \\d+ instructions\n";
  /** The C library clears the library's few bytes in each new thread. */
  private static final int PER_THREAD = 150;

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
      assertEquals(without.replaceAll(THREADS, ""), c.output().replaceAll(THREADS, ""));
      long more = instructions(c.output()) - instructions(without);
      assertTrue(more <= PER_THREAD * 3, more + " instructions more for three threads");
      c.passed();
    }
  }

  private static long instructions(String said) {
    return said.lines().filter(l -> (l + "\n").matches(THREADS))
        .mapToLong(l -> Long.parseLong(l.replaceAll("\\D", ""))).findFirst().orElseThrow();
  }
}
