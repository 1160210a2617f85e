package org.dmtcp.akka.protocol;

import akka.actor.typed.ActorRef;
import java.time.Duration;
import java.util.List;

/**
 * From the coordinator, or the round it started, to a node agent. Every command may arrive twice or
 * late; one that names a round other than the current is answered (a phase: {@code PhaseFailed})
 * or ignored, and changes nothing.
 */
public sealed interface NodeCommand extends WireMessage {

  /**
   * The coordinator knows the node.
   *
   * @param computationId empty while there is no computation
   */
  record Welcome(String computationId, long generation) implements NodeCommand {
    public Welcome {
      Checks.atLeast(0, generation, "generation");
    }
  }

  /** Begins a round with {@link Phase#PREPARE}; its answers go to {@code replyTo}. */
  record BeginRound(RoundPlan plan, Duration limit, ActorRef<NodeEvent> replyTo)
      implements NodeCommand {}

  /**
   * Go through one phase and answer {@code PhaseReached} or {@code PhaseFailed}.
   *
   * @param totalMembers images in the whole generation; 0 before {@link Phase#MATCH}; of {@link
   *     Phase#PRECHECKPOINT} and {@link Phase#POSTCHECKPOINT}: processes with plugins, of all nodes
   * @param limit what the node may take; the coordinator waits a little longer
   */
  record EnterPhase(String roundId, Phase phase, int totalMembers, Duration limit)
      implements NodeCommand {
    public EnterPhase {
      Checks.atLeast(0, totalMembers, "totalMembers");
    }
  }

  /**
   * In place of {@link Phase#FREEZE}, to the only node of a round that has no plugins and writes
   * behind the programs' back: go through all phases up to {@link Phase#RESUME} and answer {@code
   * PhaseReached} of that. A node that finds others than it knew freezes only, and says so.
   *
   * @param freezeLimit of the one phase, {@code drainLimit} likewise
   * @param limit of all of them together
   */
  record EnterStop(String roundId, Duration freezeLimit, Duration drainLimit, Duration limit)
      implements NodeCommand {}

  /**
   * {@link Phase#MATCH}, after all nodes have reported: a part of what the node's endpoints are.
   * Comes before the order to enter {@link Phase#DRAIN}, to nodes that have such endpoints.
   */
  record EndpointsMatched(String roundId, List<ConnectionEnd> ends) implements NodeCommand {
    public EndpointsMatched {
      ends = List.copyOf(ends);
    }
  }

  /**
   * {@link Phase#COMMIT}: write the manifest under its temporary name beside the node's images and
   * make it durable; answer {@code PhaseReached}.
   */
  record StageManifest(String roundId, String manifest, Duration limit) implements NodeCommand {}

  /**
   * The coordinator's manifest has its name: the generation is the valid one. Give the node's
   * manifest and images their names, remove the images of the node's previous generation that the
   * new one does not replace, then answer {@code RoundCommitted}. Repeating is harmless.
   */
  record CommitRound(String roundId, String computationId, long generation, String manifestId)
      implements NodeCommand {}

  /**
   * The round is off: refill and resume all members, remove what the round wrote, answer {@code
   * RoundAborted}, also when the round is unknown.
   */
  record AbortRound(String roundId, Failure reason, ActorRef<NodeEvent> replyTo)
      implements NodeCommand {}

  /** All members of the computation on the node end. */
  record KillProcesses(String reason) implements NodeCommand {}

  /** The coordinator goes: leave a round as by abort, end all members if {@code kill}, stop. */
  record Leave(boolean kill, String reason) implements NodeCommand {}

  /** The listing of processes anew, as {@code ProcessesChanged}. */
  record ReportProcesses() implements NodeCommand {}

  /**
   * Somebody wants to know who is there: answered by {@code LookedAround}, behind the {@code
   * ProcessesChanged} that is due if anybody came or went.
   *
   * @param question of many that may be open, which one
   */
  record LookAround(long question) implements NodeCommand {}
}
