package org.dmtcp.akka.coordinator;

import akka.actor.typed.ActorRef;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.dmtcp.akka.protocol.NodeCommand;
import org.dmtcp.akka.protocol.ProcessInfo;

/**
 * What the coordinator knows, in whatever state it is.
 *
 * @param nodes by name, in the order in which they joined
 * @param id empty while there is no computation
 * @param generation last committed one, 0 for none
 * @param used highest generation number that any round has used
 * @param interval between automatic checkpoints: of this computation
 * @param ownInterval of the coordinator: what every computation begins with
 * @param lastFailure of the last round, empty if it did not fail
 * @param hadProcess a process of this computation was here at some time
 * @param missing who may belong to it and is not here
 * @param ending its processes have been told to end
 * @param since hosts that have had processes of it since it was restarted here; empty: it was not,
 *     or by another coordinator
 */
record Computation(
    Map<String, Node> nodes,
    String id,
    long generation,
    long used,
    Duration interval,
    Duration ownInterval,
    String lastFailure,
    boolean hadProcess,
    Missing missing,
    boolean ending,
    Optional<Set<String>> since) {

  /** A node agent and the processes that it reports. */
  record Node(ActorRef<NodeCommand> agent, List<ProcessInfo> processes) {
    Node {
      processes = List.copyOf(processes);
    }
  }

  static Computation none(Duration interval) {
    return new Computation(Map.of(), "", 0, 0, interval, interval, "", false,
        Missing.NOBODY, false, Optional.empty());
  }

  List<ProcessInfo> processes() {
    return nodes.values().stream().flatMap(node -> node.processes().stream()).toList();
  }

  int peers() {
    return nodes.values().stream().mapToInt(node -> node.processes().size()).sum();
  }

  /** The agents that a round has to do with. */
  Map<String, ActorRef<NodeCommand>> busyAgents() {
    Map<String, ActorRef<NodeCommand>> agents = new LinkedHashMap<>();
    nodes.forEach(
        (name, node) -> {
          if (!node.processes().isEmpty()) {
            agents.put(name, node.agent());
          }
        });
    return agents;
  }

  Computation withNode(String name, ActorRef<NodeCommand> agent, List<ProcessInfo> processes) {
    Map<String, Node> more = new LinkedHashMap<>(nodes);
    more.put(name, new Node(agent, processes));
    return withNodes(more).with(missing.without(name));
  }

  Computation withoutNode(String name) {
    Map<String, Node> rest = new LinkedHashMap<>(nodes);
    rest.remove(name);
    return withNodes(rest);
  }

  /** Replaces what is known of the process, or adds it; not when its node has gone. */
  Computation withProcess(ProcessInfo process) {
    Node node = nodes.get(process.id().host());
    if (node == null) {
      return this;
    }
    List<ProcessInfo> processes = new ArrayList<>(node.processes());
    processes.removeIf(p -> p.uniquePid().equals(process.uniquePid()));
    processes.add(process);
    return withNode(process.id().host(), node.agent(), processes);
  }

  private Computation withNodes(Map<String, Node> newNodes) {
    boolean has = newNodes.values().stream().anyMatch(node -> !node.processes().isEmpty());
    return new Computation(
        Collections.unmodifiableMap(newNodes),
        id,
        generation,
        used,
        interval,
        ownInterval,
        lastFailure,
        hadProcess || has,
        missing,
        ending && has,
        since.map(hosts -> withBusy(hosts, newNodes)));
  }

  private static Set<String> withBusy(Set<String> hosts, Map<String, Node> nodes) {
    Set<String> more = new HashSet<>(hosts);
    nodes.forEach((name, node) -> {
      if (!node.processes().isEmpty()) {
        more.add(name);
      }
    });
    return more.size() == hosts.size() ? hosts : Set.copyOf(more);
  }

  Computation with(Missing now) {
    return new Computation(
        nodes, id, generation, used, interval, ownInterval, lastFailure, hadProcess, now,
        ending, since);
  }

  /** Its processes are being ended; it stays so until the last has gone, or a limit passed. */
  Computation withEnd(boolean isEnding) {
    return new Computation(
        nodes, id, generation, used, interval, ownInterval, lastFailure, hadProcess, missing,
        isEnding && peers() > 0, since);
  }

  /** The node has gone without a word; its processes may run on. */
  Computation withLostNode(String name) {
    Node node = nodes.get(name);
    int count = node == null ? 0 : node.processes().size();
    return withoutNode(name).with(count == 0 ? missing : missing.with(name, count));
  }

  /** It runs already, and was another coordinator's. */
  Computation takenOver(String knownId, long knownGeneration) {
    return founded(knownId, knownGeneration).with(new Missing(Map.of(), true));
  }

  /** A computation begins, or comes back, at a generation. */
  Computation founded(String newId, long newGeneration) {
    return new Computation(
        nodes, newId, newGeneration, newGeneration, ownInterval, ownInterval, "", false,
        Missing.NOBODY, false, Optional.empty());
  }

  /** It comes back from its images: whoever ran before is not of it any more. */
  Computation restarted(String itsId, long itsGeneration) {
    Computation now = founded(itsId, itsGeneration);
    return new Computation(
        now.nodes, now.id, now.generation, now.used, now.interval, now.ownInterval,
        now.lastFailure, now.hadProcess, now.missing, now.ending, Optional.of(Set.of()));
  }

  /**
   * Processes of a host that joins which must not be of the computation: it was restarted without
   * them, or they are here already, on another host.
   */
  List<ProcessInfo> superseded(String host, List<ProcessInfo> joining) {
    if (since.isPresent() && !since.get().contains(host)) {
      return joining;
    }
    Set<String> elsewhere = new HashSet<>();
    nodes.forEach((name, node) -> {
      if (!name.equals(host)) {
        node.processes().forEach(process -> elsewhere.add(process.uniquePid()));
      }
    });
    return joining.stream().filter(p -> elsewhere.contains(p.uniquePid())).toList();
  }

  /** A node knows of a later generation than we do. */
  Computation atLeast(long knownGeneration) {
    return knownGeneration > generation ? committed(knownGeneration) : this;
  }

  Computation withInterval(Duration newInterval) {
    return new Computation(
        nodes, id, generation, used, newInterval, ownInterval, lastFailure, hadProcess,
        missing, ending, since);
  }

  Computation withOwnInterval(Duration newInterval) {
    return new Computation(
        nodes, id, generation, used, newInterval, newInterval, lastFailure, hadProcess,
        missing, ending, since);
  }

  Computation committed(long newGeneration) {
    return new Computation(
        nodes, id, newGeneration, Math.max(used, newGeneration), interval, ownInterval, "",
        hadProcess, missing, ending, since);
  }

  Computation failed(long usedGeneration, String failure) {
    return new Computation(
        nodes, id, generation, Math.max(used, usedGeneration), interval, ownInterval, failure,
        hadProcess, missing, ending, since);
  }
}
