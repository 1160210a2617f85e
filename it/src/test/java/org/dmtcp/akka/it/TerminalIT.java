package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Programs at a terminal: checkpointed, killed, and restarted by somebody who types. */
@Timeout(value = 5, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@Execution(ExecutionMode.CONCURRENT)
class TerminalIT {
  /** What happens at one terminal. */
  interface Scene {
    void play(Computation computation, Terminal terminal) throws IOException;
  }

  static List<String> accounts() {
    return Accounts.names();
  }

  @AfterAll
  static void writeTable() throws IOException {
    SupportTable.write();
  }

  private static void play(String row, String name, Scene scene) throws IOException {
    Account account = Skip.unlessAvailable(name);
    Skip.unlessInstalled("tmux");
    boolean passed = false;
    try (Computation computation = Computation.prepare(account);
        Terminal terminal = Terminal.open(computation)) {
      scene.play(computation, terminal);
      computation.passed();
      passed = true;
    } finally {
      SupportTable.add("terminal", row, name, passed);
    }
  }

  /** Checkpoint, kill, and restart by the script in the same terminal. */
  private static void cycle(Computation computation, Terminal terminal) throws IOException {
    computation.checkpoint();
    computation.coordinator().must("-k");
    computation.coordinator().awaitNobody();
    terminal.clear();
    restart(computation, terminal);
  }

  private static void restart(Computation computation, Terminal terminal) throws IOException {
    terminal.line(computation.coordinator().script().toString());
    Wait.until(
        Computation.LIMIT,
        () -> computation.coordinator().status(),
        s -> s.get("num_peers").asInt() > 0 && s.get("running").asBoolean(),
        () -> "restart" + computation.coordinator().log());
  }

  @ParameterizedTest(name = "vim {0}")
  @MethodSource("accounts")
  void vimKeepsWhatWasTyped(String account) throws IOException {
    Skip.unlessInstalled("vim");
    play(
        "vim",
        account,
        (computation, terminal) -> {
          terminal.line("dmtcp_launch vim -u NONE -N text");
          terminal.await("~");
          terminal.type("ifirst line").press("Enter").type("second");
          terminal.await("second");
          cycle(computation, terminal);
          terminal.await("first line"); // it has drawn itself again
          terminal.type(" and more").press("Escape");
          terminal.await("second and more");
          terminal.line(":wq");
          terminal.awaitPrompt();
          String text = Files.readString(computation.work().resolve("text"));
          assertEquals("first line\nsecond and more\n", text);
        });
  }

  @ParameterizedTest(name = "bash {0}")
  @MethodSource("accounts")
  void shellKeepsItsJobsAndVariables(String account) throws IOException {
    play(
        "bash with a stopped job, Ctrl-C and Ctrl-Z",
        account,
        (computation, terminal) -> {
          terminal.line("dmtcp_launch bash --norc -i");
          terminal.line("PS1='inner> '");
          terminal.awaitLast("inner>");
          terminal.line("kept=$((40 + 2))").line("sleep 1000");
          terminal.awaitFront("sleep").press("C-z");
          terminal.await("Stopped");
          cycle(computation, terminal);
          terminal.line("echo kept is $kept");
          terminal.await("kept is 42");
          terminal.line("jobs");
          terminal.await("Stopped");
          terminal.line("fg");
          terminal.awaitLast("sleep 1000");
          terminal.press("C-z");
          terminal.awaitLast("inner>");
          terminal.line("fg");
          terminal.awaitLast("sleep 1000");
          terminal.press("C-c");
          terminal.awaitLast("inner>");
          terminal.line("exit 5");
          terminal.awaitPrompt();
          terminal.line("echo status $?");
          terminal.await("status 5");
        });
  }

  /** A terminal that some other program holds for a while; its name goes into a file. */
  private static void openElsewhere(Terminal terminal, String file) throws IOException {
    terminal.line(
        "(setsid script -q -c 'tty > " + file + ".new; mv " + file + ".new " + file
            + "; sleep 100' /dev/null < /dev/null > /dev/null 2>&1 &)");
    terminal.line("until [ -e " + file + " ]; do sleep 0.1; done; clear");
    terminal.awaitPrompt();
  }

  @ParameterizedTest(name = "number taken {0}")
  @MethodSource("accounts")
  void innerTerminalKeepsTheNumberThatOthersHaveTaken(String account) throws IOException {
    play(
        "a pseudo terminal of the program whose number others have taken meanwhile",
        account,
        (computation, terminal) -> {
          terminal.line("dmtcp_launch script -q -c 'bash --norc' /dev/null");
          terminal.line("PS1='inner> '");
          terminal.awaitLast("inner>");
          terminal.line("tty > before");
          computation.checkpoint();
          computation.coordinator().must("-k");
          computation.coordinator().awaitNobody();
          terminal.clear();
          for (int i = 0; i < 3; i++) {
            openElsewhere(terminal, "taken" + i);
          }
          restart(computation, terminal);
          terminal.line("tty | cmp - before && echo the sa''me");
          terminal.await("the same");
          terminal.line("echo op''ened > $(< before)");
          terminal.await("opened");
        });
  }

  @ParameterizedTest(name = "names {0}")
  @MethodSource("accounts")
  void oneTerminalAnswersToTheNamesOfAllThatWereOutside(String account) throws IOException {
    play(
        "terminals from outside: they become that of the restart, by the names that they had",
        account,
        (computation, terminal) -> {
          openElsewhere(terminal, "other");
          terminal.line("dmtcp_launch bash --norc -i 9> $(< other)");
          terminal.line("PS1='inner> '");
          terminal.awaitLast("inner>");
          terminal.line("tty > before");
          cycle(computation, terminal);
          terminal.line("tty | cmp - before && echo the sa''me");
          terminal.await("the same");
          terminal.line("echo by na''me > $(< before); echo nu''mber nine >&9");
          terminal.await("by name");
          terminal.await("number nine");
          terminal.line("[ $(readlink /proc/$$/fd/9) = $(< other) ] && echo ni''ne kept");
          terminal.await("nine kept");
        });
  }

  @ParameterizedTest(name = "Ctrl-C {0}")
  @MethodSource("accounts")
  void interruptReachesTheProgramAndItsDeathTheShell(String account) throws IOException {
    play(
        "Ctrl-C, exit by a signal",
        account,
        (computation, terminal) -> {
          terminal.line("dmtcp_launch sleep 1000");
          computation.coordinator().awaitPeers(1);
          cycle(computation, terminal);
          terminal.press("C-c");
          terminal.awaitPrompt();
          terminal.line("echo status $?");
          terminal.await("status 130");
        });
  }

  @ParameterizedTest(name = "Ctrl-Z {0}")
  @MethodSource("accounts")
  void restartedProgramCanBeStoppedAndContinued(String account) throws IOException {
    play(
        "Ctrl-Z of the restarted program, then fg",
        account,
        (computation, terminal) -> {
          terminal.line("dmtcp_launch cat");
          computation.coordinator().awaitPeers(1);
          cycle(computation, terminal);
          terminal.line("one");
          terminal.await("one\none");
          terminal.press("C-z");
          terminal.await("Stopped");
          terminal.line("fg");
          terminal.line("two");
          terminal.await("two\ntwo");
          terminal.press("C-d");
          terminal.awaitPrompt();
          terminal.line("echo status $?");
          terminal.await("status 0");
        });
  }

  @ParameterizedTest(name = "another size {0}")
  @MethodSource("accounts")
  void programLearnsTheSizeOfItsNewTerminal(String account) throws IOException {
    play(
        "a terminal of another size after the restart",
        account,
        (computation, terminal) -> {
          terminal.line("dmtcp_launch bash --norc -i");
          terminal.line("PS1='inner> '");
          terminal.awaitLast("inner>");
          computation.checkpoint();
          computation.coordinator().must("-k");
          computation.coordinator().awaitNobody();
          terminal.resize(100, 30);
          terminal.clear();
          restart(computation, terminal);
          terminal.line("stty size");
          terminal.await("30 100");
          terminal.line("exit");
          terminal.awaitPrompt();
        });
  }

  @ParameterizedTest(name = "settings {0}")
  @MethodSource("accounts")
  void terminalIsLeftAsItWas(String account) throws IOException {
    play(
        "settings of the terminal afterwards",
        account,
        (computation, terminal) -> {
          terminal.line("stty -a > before; dmtcp_launch cat");
          computation.coordinator().awaitPeers(1);
          cycle(computation, terminal);
          terminal.press("C-c");
          terminal.awaitPrompt();
          terminal.line("stty -a > after; diff before after && echo the same");
          terminal.await("\nthe same");
        });
  }
}
