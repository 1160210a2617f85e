package org.dmtcp.akka.agent.node;

import akka.actor.typed.Behavior;
import akka.actor.typed.PostStop;
import akka.actor.typed.javadsl.Behaviors;
import java.util.function.Function;
import org.dmtcp.akka.agent.node.NodeAgent.CallEnded;
import org.dmtcp.akka.agent.node.NodeAgent.Command;
import org.dmtcp.akka.agent.node.NodeAgent.LeaveNow;
import org.dmtcp.akka.agent.node.NodeAgent.Local;
import org.dmtcp.akka.agent.node.NodeAgent.Refresh;
import org.dmtcp.akka.agent.node.NodeAgent.Refreshed;
import org.dmtcp.akka.agent.node.NodeAgent.RoundStopped;
import org.dmtcp.akka.agent.node.NodeAgent.Swept;
import org.dmtcp.akka.config.ErrorTable;
import org.dmtcp.akka.protocol.Failure;
import org.dmtcp.akka.protocol.NodeCommand;
import org.dmtcp.akka.protocol.Receiving;

/**
 * The end of the computation's processes, and of the agent.
 * <pre>
 * (Leave) -> thawing -> sweeping -> answering -> stops
 * </pre>
 */
final class NodeEnd extends NodeAgentPart {
  private final NodeMembers members;
  private final NodeRounds rounds;

  NodeEnd(Tools tools, NodeMembers members, NodeRounds rounds) {
    super(tools);
    this.members = members;
    this.rounds = rounds;
  }

  NodeState sweep(NodeState state, String reason) {
    context.getLog().info("ending {} process(es): {}", state.membership().members().size(), reason);
    context.spawnAnonymous(KillSweep.create(state.computationId(),
        environment.coordinatorPort(), state.membership(), engine,
        settings, proc, context.messageAdapter(KillSweep.Swept.class, s -> new Swept())));
    return state.with(state.sweeps().begun());
  }

  Behavior<Command> onLeave(NodeCommand.Leave order, NodeState state) {
    timers.cancelAll();
    Failure reason = new Failure("coordinator-unreachable", order.reason());
    state.rounds().values().forEach(
        r -> r.tell(new NodeRound.Abort(reason, context.getSystem().ignoreRef())));
    return thawing(order, state);
  }

  /** Nobody may be ended while he is frozen. */
  private Behavior<Command> thawing(NodeCommand.Leave order, NodeState state) {
    if (state.rounds().isEmpty()) {
      return ending(order, state);
    }
    return leaving(state, next -> thawing(order, next))
        .onMessage(RoundStopped.class,
            m -> thawing(order, rounds.onRoundStopped(m.roundId(), state)))
        .onAnyMessage(m -> ignoreStale("thawing", m))
        .build();
  }

  private Behavior<Command> ending(NodeCommand.Leave order, NodeState state) {
    if (state.membership().isEmpty()) {
      return answering(state);
    }
    if (order.kill()) {
      return sweeping(sweep(state, order.reason()));
    }
    // Sent away with its processes, an agent must not have said to anybody that it is ready.
    return environment.node().equals(environment.coordinatorHost()) ? answering(state) : stopped();
  }

  private Behavior<Command> sweeping(NodeState state) {
    return leaving(state, this::sweeping)
        .onMessage(Swept.class, m -> answering(members.save(state.with(Membership.EMPTY))))
        .onAnyMessage(m -> ignoreStale("sweeping", m))
        .build();
  }

  /** What the coordinator has said last is still on its way to the clients. */
  private Behavior<Command> answering(NodeState state) {
    timers.startSingleTimer("leave", new LeaveNow(), settings.lastAnswerLimit());
    return lastAnswers(state);
  }

  private Behavior<Command> lastAnswers(NodeState state) {
    if (state.calls() == 0) {
      return stopped();
    }
    return leaving(state, this::lastAnswers)
        .onMessage(LeaveNow.class, m -> stopped())
        .onAnyMessage(m -> ignoreStale("answering", m))
        .build();
  }

  private Receiving<Command> leaving(
      NodeState state, Function<NodeState, Behavior<Command>> stay) {
    return Receiving.of(Command.class)
        .onMessage(CallEnded.class, m -> stay.apply(state.withCalls(state.calls() - 1)))
        .onMessage(Refresh.class, m -> {
          m.replyTo().tell(new Refreshed());
          return Behaviors.same();
        })
        .onMessage(Local.class, m -> {
          if (m.request().op().equals("plugin-next")) { // a hook of the round that is given up
            plugins.tell(new PluginDesk.Local(m.request()));
            return Behaviors.same();
          }
          m.request().fail("coordinator-unreachable", "the coordinator is ending",
              ErrorTable.remedy("coordinator-unreachable"));
          return Behaviors.same();
        })
        .onSignal(PostStop.class, s -> stopped());
  }
}
