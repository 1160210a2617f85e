package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.abort;

import java.io.IOException;
import java.nio.file.Files;
import java.util.Optional;

/**
 * A test that cannot run here. With {@code CKPT_MUST_RUN=1} that is a failure, unless {@code
 * it/skips.tsv} lists its key with a reason that holds everywhere.
 */
final class Skip {
  private Skip() {}

  static void unless(boolean canRun, String key, String reason) throws IOException {
    if (canRun) {
      return;
    }
    if ("1".equals(System.getenv("CKPT_MUST_RUN")) && listed(key).isEmpty()) {
      fail("must run here, but " + reason + " (" + key + ")");
    }
    abort(key + ": " + reason);
  }

  /** The account, or the test is skipped. */
  static Account unlessAvailable(String account) throws IOException {
    Optional<Account> found = Accounts.find(account);
    unless(found.isPresent(), "account-" + account, "the tests are not run as root");
    return found.orElseThrow();
  }

  /** @param program a command, or {@code python3:module} */
  static void unlessInstalled(String program) throws IOException {
    boolean found = program.contains(":") && hasModule(program.split(":"));
    for (String directory : (System.getenv("PATH") + ":/usr/sbin:/sbin").split(":")) {
      found |= Files.isExecutable(java.nio.file.Path.of(directory, program));
    }
    unless(found, "program-" + program, program + " is not installed");
  }

  private static boolean hasModule(String[] pair) throws IOException {
    String python = "/usr/bin/" + pair[0];
    return Command.run(Computation.LIMIT, python, "-c", "import " + pair[1]).status() == 0;
  }

  private static Optional<String> listed(String key) throws IOException {
    return Files.readAllLines(Tree.SOURCE.resolve("it/skips.tsv")).stream()
        .filter(line -> line.startsWith(key + "\t"))
        .findFirst();
  }
}
