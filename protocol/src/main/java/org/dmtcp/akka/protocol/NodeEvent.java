package org.dmtcp.akka.protocol;

import akka.actor.typed.ActorRef;
import java.util.List;

/** From a node agent to the coordinator, or to the round that asked. */
public sealed interface NodeEvent extends CoordinatorMessage {

  /** Node name as the cluster knows it. */
  String node();

  /**
   * A node agent is there, anew or again after it lost the coordinator; answered by {@code
   * Welcome}.
   *
   * @param computationId of the processes it already has; empty when it has none
   * @param generation last committed one that it knows of, 0 for none
   */
  record NodeJoined(
      String node,
      String computationId,
      long generation,
      List<ProcessInfo> processes,
      ActorRef<NodeCommand> agent)
      implements NodeEvent {
    public NodeJoined {
      Checks.notEmpty(node, "node");
      Checks.atLeast(0, generation, "generation");
      processes = List.copyOf(processes);
    }
  }

  /** The processes of the node, all of them, after some came, went or changed state. */
  record ProcessesChanged(String node, List<ProcessInfo> processes) implements NodeEvent {
    public ProcessesChanged {
      Checks.notEmpty(node, "node");
      processes = List.copyOf(processes);
    }
  }

  /**
   * A node went through a phase.
   *
   * @param members images the node will write; from {@link Phase#FREEZE} on, else 0
   *     of {@link Phase#PREPARE}: processes that have plugins
   * @param stoppedMicros how long its members stood still; of {@link Phase#RESUME}, else 0
   * @param images of {@link Phase#WRITE}: what it wrote, else empty
   */
  record PhaseReached(
      String node,
      String roundId,
      Phase phase,
      int members,
      long stoppedMicros,
      List<ImageInfo> images)
      implements NodeEvent {
    public PhaseReached {
      Checks.notEmpty(node, "node");
      Checks.atLeast(0, members, "members");
      Checks.atLeast(0, stoppedMicros, "stoppedMicros");
      images = List.copyOf(images);
    }
  }

  /**
   * {@link Phase#MATCH}: a part of the node's endpoints whose peers are not on the node. Comes
   * before the {@code PhaseReached}; a node without any sends none.
   */
  record EndpointsFound(String node, String roundId, List<TcpEndpoint> endpoints)
      implements NodeEvent {
    /** Of one message: some 100 KB. */
    public static final int MAX_ENDPOINTS = 1000;

    public EndpointsFound {
      Checks.notEmpty(node, "node");
      endpoints = List.copyOf(endpoints);
    }
  }

  /**
   * How far a node is with the images of a round; only told when it takes long.
   *
   * @param rawBytes of all that is to be written, as far as known; {@code doneBytes} of it are
   * @param slowest the process with most before it, empty for none
   */
  record WriteProgress(String node, String roundId, long doneBytes, long rawBytes, String slowest)
      implements NodeEvent {
    public WriteProgress {
      Checks.notEmpty(node, "node");
      Checks.atLeast(0, doneBytes, "doneBytes");
      Checks.atLeast(0, rawBytes, "rawBytes");
    }
  }

  /** What the coordinator has been told of the node's processes is up to date. */
  record LookedAround(String node, long question) implements NodeEvent {
    public LookedAround {
      Checks.notEmpty(node, "node");
    }
  }

  /** How many processes of the node have plugins, after some came or went. */
  record PluginsChanged(String node, int processes) implements NodeEvent {
    public PluginsChanged {
      Checks.notEmpty(node, "node");
      Checks.atLeast(0, processes, "processes");
    }
  }

  /** A node could not go through a phase; the round will be aborted. */
  record PhaseFailed(String node, String roundId, Phase phase, Failure failure)
      implements NodeEvent {
    public PhaseFailed {
      Checks.notEmpty(node, "node");
    }
  }

  /** The node's files have the names of the committed generation. */
  record RoundCommitted(String node, String roundId) implements NodeEvent {
    public RoundCommitted {
      Checks.notEmpty(node, "node");
    }
  }

  /** All members of the node run and nothing of the round is left. */
  record RoundAborted(String node, String roundId) implements NodeEvent {
    public RoundAborted {
      Checks.notEmpty(node, "node");
    }
  }
}
