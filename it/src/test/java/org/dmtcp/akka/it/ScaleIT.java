package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** That the simulation of {@code docs/scaling.md} runs; what it measures is nobody's failure. */
@Timeout(value = 5, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ScaleIT {
  @Test
  void aSmallSimulationMeasuresEveryRow(@TempDir Path directory) throws IOException {
    Path json = directory.resolve("scale.json");
    Outcome outcome = Command.run(Duration.ofMinutes(4),
        Tree.SOURCE.resolve("it/bench/scale/run").toString(), "--nodes", "3,15",
        "--rounds", "1", "--connections", "1000", "--json", json.toString(), "--dir",
        directory.toString());
    assertEquals(0, outcome.status(), outcome.text());
    String rows = Files.readString(json);
    for (String row : List.of("round, the coordinator's share", "round, all hosts in this JVM",
        "round, hosts in 3 other JVMs",
        "all processes at a barrier", "1000 connections matched", "restart: all hosts gathered")) {
      assertTrue(rows.contains("\"" + row + "\""), rows);
    }
  }
}
