package org.dmtcp.akka.agent.node;

import akka.actor.typed.ActorRef;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.dmtcp.akka.agent.engine.EngineMember;
import org.dmtcp.akka.agent.engine.EngineRequest;
import org.dmtcp.akka.agent.node.NodeAgent.RoundFound;
import org.dmtcp.akka.agent.node.NodeAgent.RoundStopped;
import org.dmtcp.akka.protocol.Failure;
import org.dmtcp.akka.protocol.NodeCommand;
import org.dmtcp.akka.protocol.NodeEvent;
import org.dmtcp.akka.protocol.Phase;

/** The part of the computation's rounds that this host's agent does itself. */
final class NodeRounds extends NodeAgentPart {
  private final NodeMembers members;
  private final ActorRef<NodeRound.Found> found;

  NodeRounds(Tools tools, NodeMembers members) {
    super(tools);
    this.members = members;
    this.found = context.messageAdapter(NodeRound.Found.class, RoundFound::new);
  }

  NodeState onBeginRound(NodeCommand.BeginRound order, NodeState state) {
    String id = order.plan().roundId();
    if (state.rounds().containsKey(id)) {
      state.rounds().get(id).tell(new NodeRound.BegunAlready());
      return state;
    }
    ActorRef<NodeRound.Command> round = context.spawn(
        NodeRound.create(new NodeRound.Setting(
            environment.node(), environment.coordinatorPort(), order.plan(),
            state.membership().processes(), state.membership().namespaceInits(), engine, plugins,
            found, order.replyTo(), settings, proc), order.limit()),
        "round-" + id);
    context.watchWith(round, new RoundStopped(id));
    Map<String, ActorRef<NodeRound.Command>> rounds = new HashMap<>(state.rounds());
    rounds.put(id, round);
    return state.withRounds(rounds);
  }

  void toRound(NodeState state, String roundId, Phase phase, NodeRound.Command command) {
    ActorRef<NodeRound.Command> round = state.rounds().get(roundId);
    if (round != null) {
      round.tell(command);
      return;
    }
    environment.coordinator().tell(new NodeEvent.PhaseFailed(environment.node(), roundId, phase,
        new Failure("round-unknown",
            "round " + roundId + " is unknown on " + environment.node())));
  }

  NodeState onCommitRound(NodeCommand.CommitRound order, NodeState state) {
    ActorRef<NodeRound.Command> round = state.rounds().get(order.roundId());
    if (round != null) {
      round.tell(new NodeRound.Commit());
    } else {
      commitUnknown(order, state);
    }
    return members.save(state.ofComputation(
        order.computationId(), Math.max(state.generation(), order.generation())));
  }

  /** An earlier agent went through the round, or it was told already, or we missed the end. */
  private void commitUnknown(NodeCommand.CommitRound order, NodeState state) {
    List<Member> all = state.membership().members();
    CompletableFuture.runAsync(() -> {
      try {
        new RoundFiles(environment.node(), order.computationId(), order.generation(),
            order.manifestId()).commitFound(all);
        environment.coordinator().tell(
            new NodeEvent.RoundCommitted(environment.node(), order.roundId()));
      } catch (IOException e) {
        context.getSystem().log().warn("generation {} has no names yet: {}", order.generation(),
            e.getMessage());
        environment.coordinator().tell(new NodeEvent.PhaseFailed(environment.node(),
            order.roundId(), Phase.COMMIT, new Failure("image-unwritable", e.getMessage())));
      }
    }, blocking);
  }

  NodeState onAbortRound(NodeCommand.AbortRound order, NodeState state) {
    ActorRef<NodeRound.Command> round = state.rounds().get(order.roundId());
    if (round == null) {
      order.replyTo().tell(new NodeEvent.RoundAborted(environment.node(), order.roundId()));
      return state;
    }
    round.tell(new NodeRound.Abort(order.reason(), order.replyTo()));
    return state.aborting(order.roundId(), order.replyTo());
  }

  /**
   * It may have stopped by a fault of ours: then the engine still holds the processes. It may have
   * ended before it heard of an abort: then nobody has answered that. Both can be done twice.
   */
  NodeState onRoundStopped(String roundId, NodeState state) {
    submit(new EngineRequest.Abort(roundId));
    ActorRef<NodeEvent> asker = state.aborting().get(roundId);
    if (asker != null) {
      asker.tell(new NodeEvent.RoundAborted(environment.node(), roundId));
    }
    return withoutRound(state, roundId);
  }

  private static NodeState withoutRound(NodeState state, String roundId) {
    Map<String, ActorRef<NodeRound.Command>> rounds = new HashMap<>(state.rounds());
    rounds.remove(roundId);
    return state.withRounds(rounds).notAborting(roundId);
  }

  /** What a round found are members from now on, whatever becomes of the round. */
  NodeState onRoundFound(NodeRound.Found found, NodeState state) {
    Membership now = members.merge(
        state, new HashSet<>(state.membership().processes()), found.members());
    List<Member> named = new ArrayList<>();
    for (EngineMember f : found.members()) {
      if (!f.zombie()) {
        now.get(f.process()).ifPresent(named::add);
      } else if (found.zombies()) {
        now.zombie(f, proc, uniquePids::of).ifPresent(named::add);
      }
    }
    found.replyTo().tell(new NodeRound.Named(List.copyOf(named)));
    return members.changed(state, now);
  }
}
