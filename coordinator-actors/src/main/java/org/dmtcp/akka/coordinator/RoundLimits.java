package org.dmtcp.akka.coordinator;

import com.typesafe.config.Config;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.dmtcp.akka.protocol.Phase;

/**
 * How long a round waits.
 *
 * @param phases of every phase
 * @param abort for all nodes to resume after a failure
 * @param settle for all nodes to rename their files after the commit
 * @param retries of a round that failed for what passes by itself
 * @param retryDelay the programs run for so long before the next one
 * @param again after so long a node that has not answered is told again
 * @param holdFile for tests of failures, empty for none: see {@link #holdsAfter}
 */
public record RoundLimits(
    Map<Phase, Duration> phases,
    Duration abort,
    Duration settle,
    int retries,
    Duration retryDelay,
    Duration again,
    String holdFile) {
  public RoundLimits {
    phases = Map.copyOf(phases);
  }

  /** From {@code dmtcp.round}. */
  public static RoundLimits of(Config round) {
    Map<Phase, Duration> phases = new EnumMap<>(Phase.class);
    for (Phase phase : Phase.values()) {
      phases.put(
          phase, round.getDuration("limit." + phase.name().toLowerCase(Locale.ROOT)));
    }
    return new RoundLimits(
        phases,
        round.getDuration("limit.abort"),
        round.getDuration("limit.settle"),
        round.getInt("retries"),
        round.getDuration("retry-delay"),
        round.getDuration("again"),
        round.getString("hold-file"));
  }

  /**
   * Is the round to stay where it is, once all have gone through this phase, until its limit? Only
   * when the file names it, which is removed: that tells who waits for it.
   */
  boolean holdsAfter(Phase phase) {
    if (holdFile.isEmpty()) {
      return false;
    }
    try {
      Path file = Path.of(holdFile);
      return Files.readString(file).strip().equals(phase.name()) && Files.deleteIfExists(file);
    } catch (IOException e) {
      return false; // there is none
    }
  }

  /** Those that one node goes through by itself: {@code NodeCommand.EnterStop}. */
  private static final List<Phase> STOP =
      List.of(Phase.FREEZE, Phase.DRAIN, Phase.SNAPSHOT, Phase.REFILL, Phase.RESUME);

  Duration ofStop() {
    return STOP.stream().map(this::of).reduce(Duration.ZERO, Duration::plus);
  }

  Duration of(Phase phase) {
    return phases.get(phase);
  }

  /** What a node may take: less than what we wait, so that its reason reaches us in time. */
  Duration forNode(Phase phase) {
    return forNode(of(phase));
  }

  Duration forNode(Duration limit) {
    return limit.multipliedBy(9).dividedBy(10);
  }
}
