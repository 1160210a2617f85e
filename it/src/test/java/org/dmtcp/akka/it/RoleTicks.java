package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/** The ticks of victims of several hosts, each of which writes to {@code <name>.out}. */
final class RoleTicks {
  private final Map<String, Long> ticks = new LinkedHashMap<>();
  private final HostJob job;

  RoleTicks(HostJob job) {
    this.job = job;
  }

  void add(String name) {
    ticks.put(name, 0L);
  }

  Set<String> names() {
    return ticks.keySet();
  }

  /** Everybody has written this. */
  void awaitText(String text) throws IOException {
    for (String name : ticks.keySet()) {
      job.await(name + ".out", text);
    }
  }

  void awaitMore() throws IOException {
    count();
    awaitNext();
  }

  void count() throws IOException {
    for (String name : ticks.keySet()) {
      ticks.put(name, count(name));
    }
  }

  /** What was written after the checkpoint is cut off by a restart, and is written again. */
  void awaitNext() throws IOException {
    for (String name : ticks.keySet()) {
      Wait.until(HostNetwork.LIMIT, () -> count(name), n -> n > ticks.get(name),
          () -> "ticks of " + name + job.complaints());
    }
  }

  private long count(String name) throws IOException {
    String text = job.read(name + ".out");
    assertFalse(text.contains("bad: "), () -> name + ": " + text + job.complaints());
    return text.lines().filter(line -> line.startsWith("tick ")).count();
  }
}
