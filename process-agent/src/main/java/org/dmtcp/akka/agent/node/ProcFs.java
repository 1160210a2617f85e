package org.dmtcp.akka.agent.node;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.dmtcp.akka.agent.engine.HostProcess;

/** What proc(5) says of a process; nothing here stops or changes it. */
final class ProcFs {
  /**
   * Fields of {@code /proc/[pid]/stat}.
   *
   * @param state a letter, {@code Z} for a zombie
   * @param terminal device number of the controlling terminal, 0 for none
   * @param threads those that have not been waited for, the leader among them
   */
  record Stat(char state, int realParent, int terminal, int threads, long startTicks) {
    /** A leader that has exited is a zombie too, but its process lives on in the other threads. */
    boolean ended() {
      return state == 'Z' && threads <= 1;
    }
  }

  private static final int FIELD_STATE = 3;
  private static final int FIELD_PARENT = 4;
  private static final int FIELD_TERMINAL = 7;
  private static final int FIELD_THREADS = 20;
  private static final int FIELD_START = 22;

  private final Path root;

  ProcFs(Path root) {
    this.root = root;
  }

  /** Empty when there is no such process. */
  Optional<Stat> stat(int realPid) {
    try {
      String text = Files.readString(path(realPid, "stat"), StandardCharsets.ISO_8859_1);
      // The name in parentheses is the program's choice and may hold blanks and parentheses.
      String[] rest = text.substring(text.lastIndexOf(')') + 2).split(" ");
      return Optional.of(new Stat(rest[0].charAt(0),
          Integer.parseInt(rest[FIELD_PARENT - FIELD_STATE]),
          Integer.parseInt(rest[FIELD_TERMINAL - FIELD_STATE]),
          Integer.parseInt(rest[FIELD_THREADS - FIELD_STATE]),
          Long.parseLong(rest[FIELD_START - FIELD_STATE])));
    } catch (IOException | RuntimeException e) {
      return Optional.empty();
    }
  }

  /**
   * The process that knows itself by {@code innerPid} in the pid namespace with this inode.
   */
  Optional<HostProcess> find(long namespace, int innerPid) {
    try (Stream<Path> all = Files.list(root)) {
      return all.map(p -> p.getFileName().toString())
          .filter(name -> name.chars().allMatch(c -> c >= '0' && c <= '9'))
          .map(Integer::parseInt)
          .filter(pid -> innermost(path(pid, "status")) == innerPid && isIn(pid, namespace))
          .findFirst()
          .flatMap(pid -> stat(pid).map(s -> new HostProcess(pid, s.startTicks())));
    } catch (IOException | RuntimeException e) {
      return Optional.empty();
    }
  }

  /** Whether a thread of the process knows itself by {@code innerTid}. */
  boolean hasThread(HostProcess process, int innerTid) {
    try (Stream<Path> threads = Files.list(path(process.realPid(), "task"))) {
      return threads.anyMatch(thread -> innermost(thread.resolve("status")) == innerTid);
    } catch (IOException | RuntimeException e) {
      return false;
    }
  }

  /** The number that a process or thread has for itself; -1: it has gone. */
  private static int innermost(Path status) {
    try (Stream<String> lines = Files.lines(status, StandardCharsets.ISO_8859_1)) {
      return lines.filter(line -> line.startsWith("NSpid:")).findFirst()
          .map(line -> line.trim().split("\\s+"))
          .map(fields -> Integer.parseInt(fields[fields.length - 1])).orElse(-1);
    } catch (IOException | RuntimeException e) {
      return -1;
    }
  }

  private boolean isIn(int realPid, long namespace) {
    try {
      return Files.readSymbolicLink(path(realPid, "ns/pid")).toString()
          .equals("pid:[" + namespace + "]");
    } catch (IOException | RuntimeException e) {
      return false;
    }
  }

  /** Whether the process is there, be it as a zombie. */
  boolean exists(HostProcess process) {
    return stat(process.realPid()).filter(s -> s.startTicks() == process.startTicks()).isPresent();
  }

  /** Whether the process is there and has not ended; a zombie has. */
  boolean lives(HostProcess process) {
    return stat(process.realPid())
        .filter(s -> s.startTicks() == process.startTicks() && !s.ended())
        .isPresent();
  }

  /** Real user id of a process; -1 when there is no such process. */
  int realUid(int realPid) {
    try {
      List<String> lines = Files.readAllLines(path(realPid, "status"), StandardCharsets.ISO_8859_1);
      for (String line : lines) {
        if (line.startsWith("Uid:")) {
          return Integer.parseInt(line.substring(4).trim().split("\\s+")[0]);
        }
      }
      return -1;
    } catch (IOException | RuntimeException e) {
      return -1;
    }
  }

  /** Whether its standard input is its controlling terminal; false when that cannot be seen. */
  boolean hasTerminal(int realPid) {
    try {
      String target = Files.readSymbolicLink(path(realPid, "fd/0")).toString();
      return (target.startsWith("/dev/pts/") || target.startsWith("/dev/tty"))
          && stat(realPid).map(s -> s.terminal() != 0).orElse(false);
    } catch (IOException | SecurityException e) {
      return false;
    }
  }

  /** Time of boot, milliseconds since the epoch, to the second. */
  long bootMillis() throws IOException {
    for (String line : Files.readAllLines(root.resolve("stat"), StandardCharsets.ISO_8859_1)) {
      if (line.startsWith("btime ")) {
        return Long.parseLong(line.substring(6).trim()) * 1000;
      }
    }
    throw new IOException(root.resolve("stat") + " has no btime");
  }

  private Path path(int realPid, String name) {
    return root.resolve(Integer.toString(realPid)).resolve(name);
  }
}
