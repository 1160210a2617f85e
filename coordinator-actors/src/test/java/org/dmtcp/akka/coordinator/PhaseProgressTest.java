package org.dmtcp.akka.coordinator;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.time.Duration;
import java.util.Optional;
import org.dmtcp.akka.protocol.CoordinatorReply;
import org.dmtcp.akka.protocol.NodeEvent.WriteProgress;
import org.dmtcp.akka.protocol.Phase;
import org.junit.jupiter.api.Test;

class PhaseProgressTest {
  private static CheckpointRound.Progressed wrote(String node, long done, long raw, String slowest) {
    return new CheckpointRound.Progressed(
        "r", Phase.WRITE, Optional.of(new WriteProgress(node, "r", done, raw, slowest)));
  }

  @Test
  void addsUpTheNodesAndNamesTheOneWithMostBeforeIt() {
    CoordinatorReply.Progress reply =
        PhaseProgress.of(Phase.RESUME)
            .with(wrote("a", 1, 100, "x[1]@a"))
            .with(wrote("b", 10, 20, "y[2]@b"))
            .with(wrote("a", 50, 100, "x[1]@a"))
            .reply();
    assertEquals("write", reply.phase());
    assertEquals(60, reply.doneBytes());
    assertEquals(120, reply.rawBytes());
    assertEquals("x[1]@a", reply.slowest());
  }

  @Test
  void theNextPhaseBeginsAnew() {
    CoordinatorReply.Progress reply =
        PhaseProgress.of(Phase.WRITE)
            .with(wrote("a", 1, 100, "x[1]@a"))
            .with(new CheckpointRound.Progressed("r", Phase.COMMIT))
            .reply();
    assertEquals("commit", reply.phase());
    assertEquals(0, reply.rawBytes());
  }

  @Test
  void saysItInWords() {
    assertEquals(
        "Checkpoint: write, 512.0 MiB of 2.0 GiB, 256.0 MiB/s, 6 s left; slowest: x[1]@a",
        StatusText.progress(new CoordinatorReply.Progress(
            "write", Duration.ofSeconds(2), 512L << 20, 2L << 30, "x[1]@a")));
    assertEquals(
        "Checkpoint: freeze",
        StatusText.progress(
            new CoordinatorReply.Progress("freeze", Duration.ofSeconds(2), 0, 0, "")));
  }
}
