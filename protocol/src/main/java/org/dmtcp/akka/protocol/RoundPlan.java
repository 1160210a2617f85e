package org.dmtcp.akka.protocol;

import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/**
 * What one round is to do; the same for all nodes.
 *
 * @param roundId never used twice, not empty
 * @param computationId names the computation over all its restarts, not empty
 * @param generation number of the checkpoint within the computation, from 1, never reused
 * @param manifestId random, one per round: images that belong together carry the same
 * @param killAfter members end once the generation is committed
 * @param copyOnWrite content is written behind the running program's back
 */
public record RoundPlan(
    String roundId,
    String computationId,
    long generation,
    String manifestId,
    boolean killAfter,
    boolean copyOnWrite) {
  public RoundPlan {
    Checks.notEmpty(roundId, "roundId");
    Checks.notEmpty(computationId, "computationId");
    Checks.notEmpty(manifestId, "manifestId");
    Checks.atLeast(1, generation, "generation");
  }

  /**
   * The phases in the order of this round. A round that kills keeps its members frozen until the
   * commit, so that a failure at any point before still finds them all and lets them run on.
   */
  public List<Phase> phases() {
    return killAfter
        ? List.of(Phase.PREPARE, Phase.FREEZE, Phase.PRECHECKPOINT, Phase.MATCH, Phase.DRAIN,
            Phase.SNAPSHOT, Phase.WRITE, Phase.COMMIT, Phase.RESUME)
        : List.of(Phase.PREPARE, Phase.FREEZE, Phase.PRECHECKPOINT, Phase.MATCH, Phase.DRAIN,
            Phase.SNAPSHOT, Phase.REFILL, Phase.POSTCHECKPOINT, Phase.RESUME, Phase.WRITE,
            Phase.COMMIT);
  }

  /** These are left out where nobody needs them: without plugins, or on a single node. */
  private static final Set<Phase> OPTIONAL =
      EnumSet.of(Phase.PRECHECKPOINT, Phase.MATCH, Phase.POSTCHECKPOINT);

  /** Whether {@code next} may come after {@code done}. */
  public boolean follows(Phase done, Phase next) {
    List<Phase> phases = phases();
    for (int i = phases.indexOf(done) + 1; i < phases.size(); i++) {
      if (phases.get(i) == next) {
        return true;
      }
      if (!OPTIONAL.contains(phases.get(i))) {
        return false;
      }
    }
    return false;
  }
}
