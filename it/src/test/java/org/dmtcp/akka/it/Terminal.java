package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A terminal with a shell and somebody at it; drawn by a tmux server of its own. */
final class Terminal implements AutoCloseable {
  private static final String PROMPT = "prompt> ";

  private final Account account;
  private final Path directory;
  private final Map<String, String> environment;

  private Terminal(Account account, Path directory, Map<String, String> environment) {
    this.account = account;
    this.directory = directory;
    this.environment = environment;
  }

  /** Opens an 80x24 terminal with bash in the directory of a computation not yet launched. */
  static Terminal open(Computation computation) throws IOException {
    Terminal terminal =
        new Terminal(computation.account(), computation.work(), computation.environment());
    Files.writeString(
        computation.work().resolve("bashrc"),
        "PS1='" + PROMPT + "'\nPATH=" + Tree.installed().resolve("bin") + ":$PATH\nset +H\n");
    terminal.tmux(
        "-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", "bash --rcfile bashrc -i");
    terminal.await(PROMPT.strip());
    return terminal;
  }

  private String tmux(String... words) throws IOException {
    List<String> all = new ArrayList<>(List.of("tmux", "-S", directory.resolve("tmux").toString()));
    all.addAll(List.of(words));
    Outcome outcome =
        Command.run(Computation.LIMIT, directory, environment, account.command(all));
    assertEquals(0, outcome.status(), outcome.text());
    return outcome.out();
  }

  /** Types characters as they are. */
  Terminal type(String text) throws IOException {
    tmux("send-keys", "-l", text);
    return this;
  }

  /** Presses a key: {@code Enter}, {@code Escape}, {@code C-c}. */
  Terminal press(String key) throws IOException {
    tmux("send-keys", key);
    return this;
  }

  Terminal line(String text) throws IOException {
    return type(text).press("Enter");
  }

  String screen() throws IOException {
    return tmux("capture-pane", "-p");
  }

  /** Waits until the screen shows a text. */
  String await(String text) throws IOException {
    String[] last = {""};
    return Wait.until(
        Computation.LIMIT,
        () -> last[0] = screen(),
        screen -> screen.contains(text),
        () -> "'" + text + "' on the screen; it shows:\n" + last[0]);
  }

  /** Waits until the last line that is not empty is this. */
  String awaitLast(String line) throws IOException {
    String[] last = {""};
    return Wait.until(
        Computation.LIMIT,
        () -> last[0] = screen(),
        screen -> lastLine(screen).equals(line),
        () -> "'" + line + "' as the last line; the screen shows:\n" + last[0]);
  }

  /** The shell is back. */
  void awaitPrompt() throws IOException {
    awaitLast(PROMPT.strip());
  }

  /**
   * Waits until this program is the foreground job. Ctrl-Z before that would also throw away what was
   * typed ahead.
   */
  Terminal awaitFront(String program) throws IOException {
    Wait.until(
        Computation.LIMIT,
        () -> tmux("display-message", "-p", "#{pane_current_command}").strip(),
        command -> command.equals(program),
        () -> program + " in front; the screen shows:\n" + screenOrReason());
    return this;
  }

  /** The program in front has gone, wherever it left the cursor: an empty screen with a prompt. */
  void clear() throws IOException {
    awaitFront("bash").line("clear");
    awaitPrompt();
  }

  private String screenOrReason() {
    try {
      return screen();
    } catch (IOException e) {
      return e.toString();
    }
  }

  void resize(int columns, int rows) throws IOException {
    tmux("resize-window", "-x", String.valueOf(columns), "-y", String.valueOf(rows));
  }

  private static String lastLine(String screen) {
    List<String> lines = screen.lines().map(String::stripTrailing).filter(l -> !l.isEmpty()).toList();
    return lines.isEmpty() ? "" : lines.get(lines.size() - 1);
  }

  @Override
  public void close() throws IOException {
    tmux("kill-server");
  }
}
