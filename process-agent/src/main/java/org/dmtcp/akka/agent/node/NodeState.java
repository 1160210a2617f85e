package org.dmtcp.akka.agent.node;

import akka.actor.typed.ActorRef;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.dmtcp.akka.agent.engine.HostProcess;
import org.dmtcp.akka.agent.local.LocalRequest;
import org.dmtcp.akka.protocol.NodeEvent;
import org.dmtcp.akka.protocol.ProcessInfo;

/**
 * What a {@link NodeAgent} knows.
 *
 * @param joining asked for by {@link NodeAgent.Enroll}, not yet members
 * @param built restarted, and standing still until all hosts' are
 * @param rounds that are not over, by their id
 * @param aborting who is to hear that such a round is undone
 * @param reported what the coordinator was told last; {@code null}: tell it in any case
 * @param calls requests of the socket that are being worked on
 * @param changes counts states, so that the registry keeps the newest
 */
record NodeState(
    Membership membership,
    Map<HostProcess, Member> joining,
    List<NodeAgent.Built> built,
    String computationId,
    long generation,
    Map<String, ActorRef<NodeRound.Command>> rounds,
    Map<String, ActorRef<NodeEvent>> aborting,
    Scan scan,
    Sweeps sweeps,
    List<ProcessInfo> reported,
    int calls,
    long changes) {

  /**
   * The look at the processes that is going on.
   *
   * @param asked members at its start; {@code null} when none is going on
   * @param again something happened since its start
   * @param waiting to be done at its end
   * @param endedNanos when the last one ended
   */
  record Scan(Set<HostProcess> asked, boolean again, List<Runnable> waiting,
      long endedNanos) {}

  /**
   * Kills that are going on. Who joins or restarts meanwhile has to wait: the next look of a sweep
   * would find the newcomers by their computation's marker and end them too. They wait until the
   * coordinator has been told, too, that those who were ended have gone.
   *
   * @param looking the look after the last sweep is not over
   */
  record Sweeps(int active, boolean looking, List<LocalRequest> held) {
    static final Sweeps NONE = new Sweeps(0, false, List.of());

    boolean holds() {
      return active > 0 || looking;
    }

    Sweeps begun() {
      return new Sweeps(active + 1, looking, held);
    }

    Sweeps ended() {
      return new Sweeps(active - 1, true, held);
    }

    Sweeps holding(LocalRequest request) {
      List<LocalRequest> now = new ArrayList<>(held);
      now.add(request);
      return new Sweeps(active, looking, now);
    }
  }

  static NodeState none() {
    Scan noScan = new Scan(null, false, List.of(), System.nanoTime());
    return new NodeState(Membership.EMPTY, Map.of(), List.of(), "", 0, Map.of(), Map.of(), noScan,
        Sweeps.NONE, List.of(), 0, 0);
  }

  NodeState with(Membership now) {
    return new NodeState(now, joining, built, computationId, generation, rounds, aborting, scan,
        sweeps, reported, calls, changes + 1);
  }

  NodeState with(Scan now) {
    return new NodeState(membership, joining, built, computationId, generation, rounds, aborting,
        now, sweeps, reported, calls, changes);
  }

  NodeState with(Sweeps now) {
    return new NodeState(membership, joining, built, computationId, generation, rounds, aborting,
        scan, now, reported, calls, changes);
  }

  NodeState withRounds(Map<String, ActorRef<NodeRound.Command>> now) {
    return new NodeState(membership, joining, built, computationId, generation, now, aborting,
        scan, sweeps, reported, calls, changes);
  }

  NodeState aborting(String roundId, ActorRef<NodeEvent> asker) {
    Map<String, ActorRef<NodeEvent>> now = new LinkedHashMap<>(aborting);
    now.put(roundId, asker);
    return withAborting(now);
  }

  NodeState notAborting(String roundId) {
    Map<String, ActorRef<NodeEvent>> now = new LinkedHashMap<>(aborting);
    now.remove(roundId);
    return withAborting(now);
  }

  private NodeState withAborting(Map<String, ActorRef<NodeEvent>> now) {
    return new NodeState(membership, joining, built, computationId, generation, rounds, now, scan,
        sweeps, reported, calls, changes);
  }

  NodeState joining(Member member) {
    Map<HostProcess, Member> now = new LinkedHashMap<>(joining);
    now.put(member.process(), member);
    return new NodeState(membership, now, built, computationId, generation, rounds, aborting, scan,
        sweeps, reported, calls, changes);
  }

  NodeState notJoining(HostProcess process) {
    Map<HostProcess, Member> now = new LinkedHashMap<>(joining);
    now.remove(process);
    return new NodeState(membership, now, built, computationId, generation, rounds, aborting, scan,
        sweeps, reported, calls, changes);
  }

  NodeState withBuilt(List<NodeAgent.Built> now) {
    return new NodeState(membership, joining, List.copyOf(now), computationId, generation, rounds,
        aborting, scan, sweeps, reported, calls, changes);
  }

  NodeState ofComputation(String id, long newGeneration) {
    return new NodeState(membership, joining, built, id, newGeneration, rounds, aborting, scan,
        sweeps, reported, calls, changes + 1);
  }

  NodeState reported(List<ProcessInfo> now) {
    return new NodeState(membership, joining, built, computationId, generation, rounds, aborting,
        scan, sweeps, now, calls, changes);
  }

  /** Counts as a change: a host whose commands are used is not idle. */
  NodeState withCalls(int now) {
    return new NodeState(membership, joining, built, computationId, generation, rounds, aborting,
        scan, sweeps, reported, now, changes + 1);
  }
}
