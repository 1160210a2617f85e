package org.dmtcp.akka.coordinator;

import akka.actor.typed.ActorRef;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.javadsl.AskPattern;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.Set;
import java.util.function.Function;
import org.dmtcp.akka.config.ErrorTable;
import org.dmtcp.akka.protocol.CoordinatorMessage;
import org.dmtcp.akka.protocol.CoordinatorReply;
import org.dmtcp.akka.protocol.CoordinatorRequest;
import org.dmtcp.akka.protocol.Failure;

/** The person at the terminal: commands on standard input, notes on standard error. */
final class Console implements Notes {
  private static final String PROMPT = "dmtcp> ";
  private static final String HELP =
      """
      COMMANDS:
        l : List connected nodes
        s : Print status message
        c : Checkpoint all nodes
        kc : Checkpoint all nodes, then kill them
        i : Print current checkpoint interval (i N: set it to N seconds, 0 for none)
        f : Force a restart even if there are missing nodes
        k : Kill all nodes
        q : Kill all nodes and quit
        u : List hosts
        ? : Show this message
      """;

  private static final Duration VISIBLE_AFTER = Duration.ofSeconds(1);
  private static final Duration FIRST_SPARSE = Duration.ofSeconds(5);

  private final int quiet;
  private final boolean isDaemon;
  private volatile boolean hasPrompt;
  private Duration sparse = FIRST_SPARSE; // the age at which the next line is due

  /** @param quiet 1: no notes, 2: no warnings either */
  Console(int quiet, boolean isDaemon) {
    this.quiet = quiet;
    this.isDaemon = isDaemon;
  }

  void banner(CoordinatorSettings s) {
    if (quiet > 0) {
      return;
    }
    System.err.println(
        "dmtcp_coordinator starting..."
            + "\n    Host: " + s.host() + " (" + s.address() + ")"
            + "\n    Port: " + s.port()
            + "\n    Checkpoint Interval: " + StatusText.interval(s.interval())
            + "\n    Exit on last client: " + (s.exitOnLast() ? 1 : 0)
            + "\n" + (isDaemon ? "Backgrounding..." : "Type '?' for help.") + "\n");
  }

  @Override
  public synchronized void note(String line) {
    sparse = FIRST_SPARSE;
    if (quiet >= (line.startsWith("WARNING") ? 2 : 1)) {
      return;
    }
    erasePrompt();
    System.err.println(line);
    prompt();
  }

  /** On a terminal one line that is drawn again; else a few lines of a log, ever more rarely. */
  @Override
  public synchronized void progress(CoordinatorReply.Progress progress) {
    if (quiet > 0 || progress.elapsed().compareTo(VISIBLE_AFTER) < 0) {
      return;
    }
    if (System.console() != null && !isDaemon) {
      // Not wrapped by the terminal: what has become two lines could not be drawn again.
      System.err.print("\r\033[?7l" + StatusText.progress(progress) + "\033[K\033[?7h");
    } else if (progress.elapsed().compareTo(sparse) >= 0) {
      System.err.println(StatusText.progress(progress));
      sparse = progress.elapsed().multipliedBy(2);
    }
  }

  void ending(String reason) {
    if (quiet == 0) {
      erasePrompt();
      System.err.println("DMTCP coordinator exiting... (" + reason + ")");
    }
  }

  /** Reads commands on a thread of its own, which never keeps the JVM alive. */
  void start(ActorRef<CoordinatorMessage> coordinator, ActorSystem<?> system) {
    if (isDaemon || isNullDevice()) {
      return;
    }
    Thread reader = new Thread(() -> read(coordinator, system), "console");
    reader.setDaemon(true);
    reader.start();
  }

  /** A script that has no input for us gives one of these. */
  private static boolean isNullDevice() {
    try {
      Path input = Path.of("/proc/self/fd/0").toRealPath();
      return Set.of("/dev/null", "/dev/zero", "/dev/random").contains(input.toString());
    } catch (IOException e) {
      return !Files.exists(Path.of("/proc/self/fd/0")); // a pipe has no real path
    }
  }

  private void read(ActorRef<CoordinatorMessage> coordinator, ActorSystem<?> system) {
    Duration limit = system.settings().config().getDuration("dmtcp.coordinator.ask-limit");
    try (BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
      synchronized (this) {
        hasPrompt = true;
        prompt();
      }
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        execute(line.strip().toLowerCase(Locale.ROOT), coordinator, system, limit);
        synchronized (this) {
          prompt();
        }
      }
    } catch (IOException e) {
      note("standard input: " + e.getMessage());
    }
    hasPrompt = false; // the end of the input: we run on without a console
  }

  private void execute(
      String line,
      ActorRef<CoordinatorMessage> coordinator,
      ActorSystem<?> system,
      Duration limit) {
    String word = line.replaceFirst("^-+", "");
    Function<ActorRef<CoordinatorReply>, CoordinatorMessage> request =
        switch (word) {
          case "s", "status", "i", "interval" -> CoordinatorRequest.GetStatus::new;
          case "l", "list", "t", "u" -> CoordinatorRequest.ListWorkers::new;
          case "c", "checkpoint", "bc", "bcheckpoint" ->
              ref -> new CoordinatorRequest.Checkpoint(false, false, ref);
          case "kc", "ck", "kcheckpoint" ->
              ref -> new CoordinatorRequest.Checkpoint(false, true, ref);
          case "k", "kill" -> CoordinatorRequest.Kill::new;
          case "q", "quit" -> CoordinatorRequest.Quit::new;
          case "f" -> CoordinatorRequest.Force::new;
          default -> interval(word);
        };
    if (request == null) {
      if (!word.isEmpty()) {
        System.err.print(isHelp(word) ? HELP : "unknown command: " + line + "\n" + HELP);
      }
      return;
    }
    AskPattern.ask(coordinator, request::apply, limit, system.scheduler())
        .handle(
            (reply, e) -> {
              print(word, e == null ? reply : noAnswer(limit));
              return null;
            })
        .toCompletableFuture()
        .join(); // bounded by the limit of the question
  }

  private static CoordinatorReply noAnswer(Duration limit) {
    return new CoordinatorReply.Refused(
        new Failure("internal", "no answer in " + limit.toSeconds() + " s"));
  }

  private static boolean isHelp(String word) {
    return word.equals("?") || word.equals("h") || word.equals("help");
  }

  /** {@code i N}, {@code iN}, {@code interval N}; null for anything else. */
  private static Function<ActorRef<CoordinatorReply>, CoordinatorMessage> interval(String word) {
    if (!word.matches("(i|interval) *[0-9]{1,9}")) {
      return null;
    }
    Duration interval = Duration.ofSeconds(Long.parseLong(word.replaceAll("[^0-9]", "")));
    return ref -> new CoordinatorRequest.SetInterval(interval, ref);
  }

  private void print(String word, CoordinatorReply reply) {
    if (reply instanceof CoordinatorReply.Status s) {
      System.out.println(
          word.startsWith("i")
              ? "Checkpoint Interval: " + StatusText.interval(s.interval())
              : StatusText.status(s));
    } else if (reply instanceof CoordinatorReply.Workers w) {
      System.err.println(word.equals("u") ? StatusText.hosts(w) : StatusText.workers(w));
    } else if (reply instanceof CoordinatorReply.IntervalChanged i) {
      System.out.println("Interval changed to " + i.interval().toSeconds());
    } else if (reply instanceof CoordinatorReply.Refused r) {
      System.err.println(r.failure() + "\n  " + ErrorTable.remedy(r.failure().errorId()));
    } else if (reply instanceof CoordinatorReply.Accepted a && word.startsWith("k")) {
      System.err.println("Killing all connected peers: " + a.peers());
    }
  }

  private void prompt() {
    if (hasPrompt) {
      System.out.print(PROMPT);
      System.out.flush();
    }
  }

  private void erasePrompt() {
    if (System.console() != null && !isDaemon) {
      System.err.print("\r\033[K"); // progress, if there was any
    }
    if (hasPrompt) {
      System.out.print("\r" + " ".repeat(PROMPT.length()) + "\r");
      System.out.flush();
    }
  }
}
