package bench;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** How the coordinator and the node agents bear growth: see README.md beside this folder. */
public final class Scale {
  private static final int WARM_UP = 5;

  private Scale() {}

  public static void main(String[] arguments) throws Exception {
    List<Integer> nodes = List.of(10, 100, 500);
    int processes = 20;
    int rounds = 9;
    int connections = 100_000;
    int jvms = 3;
    Path json = null;
    // Every host has a disk of its own; these would all wait for the one of this machine.
    Path top = Path.of("/dev/shm");
    for (int i = 0; i + 1 < arguments.length; i += 2) {
      String value = arguments[i + 1];
      switch (arguments[i]) {
        case "--nodes" -> nodes = Stream.of(value.split(",")).map(Integer::valueOf).toList();
        case "--processes" -> processes = Integer.parseInt(value);
        case "--rounds" -> rounds = Integer.parseInt(value);
        case "--jvms" -> jvms = Integer.parseInt(value);
        case "--connections" -> connections = Integer.parseInt(value);
        case "--json" -> json = Path.of(value);
        case "--dir" -> top = Path.of(value);
        default -> throw new IllegalArgumentException("unknown option " + arguments[i]);
      }
    }
    Report report = new Report();
    List<String> subjects = new ArrayList<>();
    for (int count : nodes) {
      String subject = count + " nodes";
      subjects.add(subject);
      Path directory = Files.createTempDirectory(top, "dmtcp-scale");
      try {
        measure(report, subject, directory, count, processes, rounds);
        overArtery(report, subject, directory, count, processes, rounds, jvms);
        Together.measure(report, subject, count, processes, connections);
      } finally {
        Shell.deleteTree(directory);
      }
    }
    System.out.print(report.table(subjects, List.of()));
    if (json != null) {
      report.writeJson(json);
    }
  }

  private static void measure(Report report, String subject, Path directory, int nodes,
      int processes, int rounds) throws Exception {
    try (Rounds instant = new Rounds(directory, nodes, processes, true)) {
      warm(instant);
      for (int i = 0; i < rounds; i++) {
        report.add("round, the coordinator's share", "s", subject, instant.round());
        instant.tellTimes(report, subject, "share of ");
      }
      Publishing.measure(report, subject, instant, nodes * processes);
    }
    long with;
    try (Rounds real = new Rounds(directory, nodes, processes, false)) {
      warm(real);
      for (int i = 0; i < rounds; i++) {
        report.add("round, all hosts in this JVM", "s", subject, real.round());
        real.tellTimes(report, subject, "all hosts: ");
        real.tellTraffic(report, subject);
      }
      with = used();
    }
    report.add("memory per process, coordinator and agents", "bytes", subject,
        (double) (with - used()) / nodes / processes);
  }

  private static void overArtery(Report report, String subject, Path directory, int nodes,
      int processes, int rounds, int jvms) throws Exception {
    try (Spread spread = new Spread(directory, nodes, processes, Math.min(jvms, nodes - 1))) {
      for (int i = 0; i < WARM_UP; i++) {
        spread.round();
      }
      for (int i = 0; i < rounds; i++) {
        report.add("round, hosts in " + jvms + " other JVMs", "s", subject, spread.round());
      }
    }
  }

  private static void warm(Rounds simulation) throws Exception {
    for (int i = 0; i < WARM_UP; i++) {
      simulation.round();
    }
  }

  /** Heap after a collection; twice, since the first one may only clear references. */
  private static long used() throws InterruptedException {
    for (int i = 0; i < 2; i++) {
      System.gc();
      TimeUnit.MILLISECONDS.sleep(100);
    }
    return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
  }
}
