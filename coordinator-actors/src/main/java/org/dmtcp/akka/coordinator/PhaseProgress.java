package org.dmtcp.akka.coordinator;

import java.time.Duration;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import org.dmtcp.akka.protocol.CoordinatorReply;
import org.dmtcp.akka.protocol.NodeEvent.WriteProgress;
import org.dmtcp.akka.protocol.Phase;

/**
 * How far a round is in its present phase.
 *
 * @param sinceNanos of {@link System#nanoTime}
 * @param written by node, what it said last
 */
record PhaseProgress(Phase phase, long sinceNanos, Map<String, WriteProgress> written) {
  static PhaseProgress of(Phase phase) {
    return new PhaseProgress(phase, System.nanoTime(), Map.of());
  }

  PhaseProgress with(CheckpointRound.Progressed progressed) {
    PhaseProgress now = progressed.phase() == phase ? this : of(progressed.phase());
    if (progressed.written().isEmpty()) {
      return now;
    }
    Map<String, WriteProgress> more = new HashMap<>(now.written);
    more.put(progressed.written().get().node(), progressed.written().get());
    return new PhaseProgress(now.phase, now.sinceNanos, Map.copyOf(more));
  }

  CoordinatorReply.Progress reply() {
    return new CoordinatorReply.Progress(
        phase.name().toLowerCase(Locale.ROOT),
        Duration.ofNanos(System.nanoTime() - sinceNanos),
        written.values().stream().mapToLong(WriteProgress::doneBytes).sum(),
        written.values().stream().mapToLong(WriteProgress::rawBytes).sum(),
        written.values().stream()
            .max(Comparator.comparingLong(w -> w.rawBytes() - w.doneBytes()))
            .map(WriteProgress::slowest)
            .orElse(""));
  }
}
