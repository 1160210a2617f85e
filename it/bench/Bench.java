package bench;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;

/** The rows of DESIGN.md section 9: alternating runs of all subjects, medians, ratios. */
public final class Bench {
  private static final Path TREE = Path.of(System.getProperty("bench.tree")).normalize();
  private static final Path BUILD = Path.of(System.getProperty("bench.build"));

  /** What one row lets {@code hold} hold, and how many of it. */
  private record Load(String row, boolean compress, int processes, List<String> arguments) {}

  private static final List<Load> LOADS = List.of(
      new Load("small", true, 1, List.of()),
      new Load("random-1g", false, 1, List.of("memory", "1024", "random")),
      new Load("text-1g", true, 1, List.of("memory", "1024", "text")),
      new Load("processes-64", true, 64, List.of()),
      new Load("threads-1000", true, 1, List.of("threads", "1000")),
      new Load("files-10000", true, 1, List.of("files", "10000")),
      new Load("mappings", true, 1, List.of("mappings", String.valueOf(mappings()))));

  private static final int LINE_BYTES = 42; // of hold's status file

  private final Report report = new Report();
  private final Path directory;
  private final int repeat;
  private final Set<String> rows;
  private int serial;
  private int failures;

  private Bench(Path directory, int repeat, Set<String> rows) {
    this.directory = directory;
    this.repeat = repeat;
    this.rows = rows;
  }

  public static void main(String[] arguments) throws Exception {
    Path json = null;
    Path top = null;
    int repeat = 5;
    Set<String> rows = Set.of();
    for (int i = 0; i + 1 < arguments.length; i += 2) {
      switch (arguments[i]) {
        case "--rows" -> rows = new TreeSet<>(Arrays.asList(arguments[i + 1].split(",")));
        case "--repeat" -> repeat = Integer.parseInt(arguments[i + 1]);
        case "--json" -> json = Path.of(arguments[i + 1]);
        case "--dir" -> top = Path.of(arguments[i + 1]);
        default -> throw new IllegalArgumentException("unknown option " + arguments[i]);
      }
    }
    Path directory = top == null
        ? Files.createTempDirectory("dmtcp-bench") : Files.createTempDirectory(top, "dmtcp-bench");
    Bench bench = new Bench(directory, repeat, rows);
    bench.runAll();
    List<String> subjects = bench.subjects();
    System.out.print(bench.report.table(subjects, subjects.subList(1, subjects.size())));
    if (json != null) {
      bench.report.writeJson(json);
    }
    if (bench.failures == 0) {
      Shell.deleteTree(directory);
    } else {
      System.err.println(bench.failures + " failed; logs kept in " + directory);
    }
  }

  /** vm.max_map_count bounds what a plain kernel lets a process have. */
  private static int mappings() {
    String limit = Subject.readOr(Path.of("/proc/sys/vm/max_map_count"), "65530").trim();
    return (int) Math.min(100_000, Long.parseLong(limit) - 500);
  }

  private List<String> subjects() {
    List<String> names = new ArrayList<>(List.of("ours"));
    if (System.getenv("DMTCP_PEER") != null) {
      names.add("dmtcp");
    }
    if (System.getenv("CRIU_PEER") != null) {
      names.add("criu");
    }
    return names;
  }

  private Subject open(String name, boolean compress) throws IOException, InterruptedException {
    Path own = Files.createDirectories(directory.resolve(name + "-" + ++serial));
    return switch (name) {
      case "dmtcp" ->
          new Subject.Dmtcp(name, Path.of(System.getenv("DMTCP_PEER"), "bin"), own, compress);
      case "criu" -> new Subject.Criu(Path.of(System.getenv("CRIU_PEER")), own);
      default -> new Subject.Dmtcp(name, TREE.resolve("bin"), own, compress);
    };
  }

  private boolean wanted(String row) {
    return rows.isEmpty() || rows.contains(row);
  }

  private void runAll() throws IOException, InterruptedException {
    for (Load load : LOADS) {
      if (wanted(load.row())) {
        for (int i = 0; i < repeat; i++) {
          if (load.row().equals("random-1g")) {
            report.add("random-1g: write and fsync the bytes", "s", "ours", writeAndSync());
          }
          for (String subject : subjects()) {
            if (load.processes() == 1 || !subject.equals("criu")) {
              attempt(load, subject);
            }
          }
        }
      }
    }
    if (wanted("launch")) {
      launchRow();
    }
    if (wanted("command")) {
      commandRow();
    }
    for (String kind : List.of("syscall", "malloc", "thread", "fork", "exec")) {
      if (wanted("overhead")) {
        overheadRow(kind);
      }
    }
  }

  /** A peer that fails at a load (it may not support it) is said, and does not end the run. */
  private void attempt(Load load, String subject) throws InterruptedException {
    try (Subject opened = open(subject, load.compress())) {
      cycle(load, opened);
    } catch (IOException e) {
      failures++;
      System.err.println("  " + load.row() + " " + subject + ": failed: " + e.getMessage());
    }
  }

  private void cycle(Load load, Subject subject) throws IOException, InterruptedException {
    List<Path> status = new ArrayList<>();
    for (int i = 0; i < load.processes(); i++) {
      Path file = directory.resolve("status-" + ++serial);
      List<String> command =
          new ArrayList<>(List.of(BUILD.resolve("hold").toString(), file.toString()));
      command.addAll(load.arguments());
      status.add(file);
      subject.launch(command);
    }
    Shell.await("all running", () -> status.stream().allMatch(Bench::running));
    clearGaps(status.get(0));
    double seconds = subject.checkpoint();
    Thread.sleep(100);
    report.add(load.row() + ": checkpoint until durable", "s", subject.name(), seconds);
    if (load.processes() == 1) {
      report.add(load.row() + ": program stopped", "s", subject.name(), gap(status.get(0)) / 1e6);
    }
    report.add(load.row() + ": image", "MB", subject.name(), subject.imageBytes() / 1e6);
    subject.kill();
    // A restart cuts the file back to its length at the checkpoint; output makes it grow again.
    long[] shortest = status.stream().mapToLong(Bench::bytes).toArray();
    long begin = System.nanoTime();
    subject.restart();
    Shell.await("output after restart", () -> {
      boolean all = true;
      for (int i = 0; i < shortest.length; i++) {
        long now = bytes(status.get(i));
        shortest[i] = Math.min(shortest[i], now);
        all &= now > shortest[i];
      }
      return all;
    });
    report.add(load.row() + ": restart until first output", "s", subject.name(),
        (System.nanoTime() - begin) / 1e9);
    subject.kill();
    for (Path file : status) {
      Files.deleteIfExists(file);
    }
  }

  /** SIGUSR1 to the one program that has this status file open. */
  private static void clearGaps(Path status) throws IOException, InterruptedException {
    new Shell(status.getParent(), Map.of()).run(
        List.of("pkill", "-USR1", "-f", "hold " + status + "( |$)"));
    Thread.sleep(20);
  }

  private static long bytes(Path status) {
    try {
      return Files.size(status);
    } catch (IOException notThereYet) {
      return 0;
    }
  }

  private static boolean running(Path status) {
    return bytes(status) > 20 * LINE_BYTES;
  }

  private static long gap(Path status) throws IOException {
    try (FileChannel channel = FileChannel.open(status)) {
      ByteBuffer line = ByteBuffer.allocate(LINE_BYTES);
      channel.read(line, channel.size() / LINE_BYTES * LINE_BYTES - LINE_BYTES);
      String text = new String(line.array(), StandardCharsets.US_ASCII);
      return Long.parseLong(text.trim().split(" ")[1]);
    }
  }

  private double writeAndSync() throws IOException {
    byte[] bytes = new byte[1 << 20];
    new Random(1).nextBytes(bytes);
    Path file = directory.resolve("raw");
    long begin = System.nanoTime();
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE,
        StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE)) {
      ByteBuffer buffer = ByteBuffer.wrap(bytes);
      for (int i = 0; i < 1024; i++) {
        buffer.rewind();
        channel.write(buffer);
      }
      channel.force(true);
    }
    double seconds = (System.nanoTime() - begin) / 1e9;
    Files.delete(file);
    return seconds;
  }

  private void launchRow() throws IOException, InterruptedException {
    for (String name : subjects()) {
      if (name.equals("criu")) {
        continue;
      }
      try (Subject.Dmtcp subject = (Subject.Dmtcp) open(name, true)) {
        for (int i = 0; i < repeat; i++) {
          double bare = loop(subject.shell(), List.of("/bin/true"));
          double under = loop(subject.shell(), subject.launchCommand(List.of("/bin/true")));
          report.add("launch /bin/true: added", "ms", name, (under - bare) * 1e3);
        }
      }
    }
  }

  /** What a script pays that polls the status, or asks for a checkpoint and goes on. */
  private void commandRow() throws IOException, InterruptedException {
    for (int i = 0; i < repeat; i++) {
      for (String name : subjects()) {
        if (name.equals("criu")) {
          continue;
        }
        try (Subject.Dmtcp subject = (Subject.Dmtcp) open(name, true)) {
          Path status = directory.resolve("status-" + ++serial);
          subject.launch(List.of(BUILD.resolve("hold").toString(), status.toString()));
          Shell.await("running", () -> running(status));
          report.add("command --status", "ms", name,
              loop(subject.shell(), subject.command("--status")) * 1e3);
          report.add("command --json --status", "ms", name,
              loop(subject.shell(), subject.command("--json", "--status")) * 1e3);
          report.add("command -c: until it returns", "ms", name,
              subject.shell().run(subject.command("-c")) * 1e3);
          Thread.sleep(500); // what it has begun must not be in the next figure
          subject.kill();
          Files.deleteIfExists(status);
        }
      }
    }
  }

  /** Seconds for one run of a command, out of 20 in a row. */
  private static double loop(Shell shell, List<String> command)
      throws IOException, InterruptedException {
    List<String> all = new ArrayList<>(
        List.of("sh", "-c", "i=0; while [ $i -lt 20 ]; do \"$@\"; i=$((i+1)); done", "sh"));
    all.addAll(command);
    return shell.run(all) / 20;
  }

  private void overheadRow(String kind) throws IOException, InterruptedException {
    String turns = Map.of("syscall", "10000000", "malloc", "50000000", "thread", "30000",
        "fork", "5000", "exec", "1500").get(kind);
    Path time = directory.resolve("time-" + kind);
    List<String> work = List.of(BUILD.resolve("work").toString(), kind, turns, time.toString());
    for (int i = 0; i < repeat; i++) {
      for (String name : subjects()) {
        if (name.equals("criu")) {
          continue;
        }
        try (Subject.Dmtcp subject = (Subject.Dmtcp) open(name, true)) {
          double bare = timed(subject, work, time);
          double under = timed(subject, subject.launchCommand(work), time);
          double again = timed(subject, work, time);
          report.add("overhead " + kind + ": under/bare", "ratio", name, 2 * under / (bare + again));
          report.add("overhead " + kind + ": noise, bare/bare", "ratio", name, again / bare);
        }
      }
    }
  }

  /** What the work took, by its own clock. */
  private static double timed(Subject.Dmtcp subject, List<String> command, Path time)
      throws IOException, InterruptedException {
    subject.shell().run(command);
    return Double.parseDouble(Files.readString(time).trim());
  }
}
