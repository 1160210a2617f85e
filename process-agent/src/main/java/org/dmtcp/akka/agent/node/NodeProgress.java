package org.dmtcp.akka.agent.node;

import akka.actor.typed.ActorRef;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.dmtcp.akka.agent.engine.EngineHelper;
import org.dmtcp.akka.protocol.ConnectionEnd;
import org.dmtcp.akka.protocol.Phase;

/**
 * What changes from phase to phase of a {@link NodeRound}.
 *
 * @param done last phase that was gone through
 * @param freezing the engine was asked to freeze: it knows the round
 * @param made directories that were made for the round
 * @param known members before the freeze
 * @param agents one per member, from the freeze on
 * @param ends endpoints that have a member of another node at their other end
 * @param helpers threads of members that run the hooks of plugins: PRESUSPEND was raised
 * @param obsolete images that go once the generation is committed
 * @param staged the manifest is durable: from here on only the coordinator knows what is valid
 */
record NodeProgress(
    Phase done,
    boolean freezing,
    List<Path> made,
    List<Member> known,
    Map<Member, ActorRef<ProcessAgent.Command>> agents,
    Map<Member, Boolean> terminals,
    List<ConnectionEnd> ends,
    List<EngineHelper> helpers,
    List<Path> obsolete,
    boolean staged) {
  static NodeProgress none() {
    return new NodeProgress(Phase.PREPARE, false, List.of(), List.of(), Map.of(), Map.of(),
        List.of(), List.of(), List.of(), false);
  }

  NodeProgress reached(Phase phase) {
    return new NodeProgress(phase, freezing, made, known, agents, terminals, ends, helpers,
        obsolete, staged);
  }

  NodeProgress withMade(List<Path> now, List<Member> members) {
    return new NodeProgress(done, freezing, now, members, agents, terminals, ends, helpers,
        obsolete, staged);
  }

  NodeProgress withFreezing() {
    return new NodeProgress(done, true, made, known, agents, terminals, ends, helpers, obsolete,
        staged);
  }

  NodeProgress withAgents(Map<Member, ActorRef<ProcessAgent.Command>> now) {
    return new NodeProgress(done, freezing, made, known, now, terminals, ends, helpers,
        obsolete, staged);
  }

  NodeProgress withTerminals(Map<Member, Boolean> now) {
    return new NodeProgress(done, freezing, made, known, agents, now, ends, helpers, obsolete,
        staged);
  }

  NodeProgress withEnds(List<ConnectionEnd> more) {
    List<ConnectionEnd> all = new ArrayList<>(ends);
    all.addAll(more);
    return new NodeProgress(done, freezing, made, known, agents, terminals, all, helpers,
        obsolete, staged);
  }

  NodeProgress withHelpers(List<EngineHelper> now) {
    return new NodeProgress(done, freezing, made, known, agents, terminals, ends, now, obsolete,
        staged);
  }

  NodeProgress withStaged(List<Path> nowObsolete) {
    return new NodeProgress(done, freezing, made, known, agents, terminals, ends, helpers,
        nowObsolete, true);
  }

  /** Those that the engine may have begun. */
  List<Path> begun(RoundFiles files) {
    return agents.isEmpty() ? known.stream().map(files::image).toList() : images(files);
  }

  List<Path> images(RoundFiles files) {
    return agents.keySet().stream().map(files::image).toList();
  }
}
