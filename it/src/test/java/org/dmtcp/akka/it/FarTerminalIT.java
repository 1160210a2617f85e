package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code dmtcp_launch ssh -t HOST}: somebody at a terminal here types at a program there. */
@Timeout(value = 5, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class FarTerminalIT extends HostsFixture {
  /** Says how large its terminal is, and what it is told; ends with 7. */
  private static final String PROGRAM = """
      trap 'echo interrupted' INT
      test -t 0 && test -t 1 && echo terminal on $(hostname)
      while :; do
        read -r line || continue
        case $line in
          size) stty size ;;
          end) exit 7 ;;
          *) echo "got:$line" ;;
        esac
      done
      """;

  @ParameterizedTest
  @ValueSource(strings = {Account.PLAIN, Account.ROOT})
  void itsTerminalIsTheOneHereAlsoAfterARestart(String account) throws IOException {
    open(account, 7798, "alpha", "beta");
    job.startCoordinator();
    Path program = network.shared().resolve("program");
    Files.writeString(program, PROGRAM);
    Job first = atTerminal("first", 33, 77,
        Tree.bin("dmtcp_launch") + " ssh -t beta sh " + program);
    job.await("first.out", "terminal on beta");
    type("first", "size\\n");
    job.await("first.out", "33 77");
    type("first", "\\003");
    job.await("first.out", "interrupted");
    type("first", "one\\n");
    job.await("first.out", "got:one");
    job.checkpointAndKill();
    first.await(HostNetwork.LIMIT);

    Job second = atTerminal("second", 44, 99,
        network.shared().resolve("dmtcp_restart_script.sh").toString());
    type("second", "two\\n");
    job.await("second.out", "got:two");
    type("second", "size\\n");
    job.await("second.out", "44 99");
    type("second", "\\003");
    job.await("second.out", "interrupted");
    type("second", "end\\n");
    assertEquals(7, second.await(Duration.ofSeconds(60)), job::complaints);
  }

  /** A terminal of that size on alpha; what is typed comes from {@code NAME.in}. */
  private Job atTerminal(String name, int rows, int columns, String command) throws IOException {
    Host alpha = network.host("alpha");
    alpha.must("mkfifo", network.shared().resolve(name + ".in").toString());
    return alpha.start(name, "sh", "-c", "exec 3<>" + name + ".in; exec script -qefc 'stty rows "
        + rows + " cols " + columns + "; exec " + command + "' /dev/null <&3");
  }

  private void type(String name, String text) throws IOException {
    network.host("alpha").must("sh", "-c", "printf '" + text + "' >" + name + ".in");
  }
}
