package org.dmtcp.akka.coordinator;

import akka.actor.typed.Behavior;
import akka.actor.typed.javadsl.Behaviors;
import org.dmtcp.akka.coordinator.Coordinator.ClosingTimedOut;
import org.dmtcp.akka.coordinator.Coordinator.Command;
import org.dmtcp.akka.coordinator.Coordinator.Ending;
import org.dmtcp.akka.coordinator.Coordinator.NodeGone;
import org.dmtcp.akka.coordinator.Coordinator.Received;
import org.dmtcp.akka.protocol.CoordinatorRequest;
import org.dmtcp.akka.protocol.NodeCommand;
import org.dmtcp.akka.protocol.Receiving;

/** The coordinator has been told to end, or has nothing left to do. */
final class CoordinatorClosing extends CoordinatorState {
  CoordinatorClosing(Tools tools) {
    super(tools);
  }

  /** @param kill the processes end too */
  Behavior<Command> enter(Computation now, boolean kill, Ending end) {
    timers.cancelAll();
    plugins.tell(new PluginService.Write(now.id()));
    timers.startSingleTimer("closing", new ClosingTimedOut(), settings.closeLimit());
    now.nodes().values().forEach(n -> n.agent().tell(new NodeCommand.Leave(kill, end.reason())));
    return closing(now, end);
  }

  private Behavior<Command> closing(Computation now, Ending end) {
    if (now.nodes().isEmpty()) {
      return stop(end);
    }
    return Receiving.of(Command.class)
        .onMessage(NodeGone.class, m -> closing(now.withoutNode(m.node()), end))
        .onMessage(ClosingTimedOut.class, m -> stop(end))
        .onMessage(Received.class, m -> m.message() instanceof CoordinatorRequest,
            m -> refuseAll((CoordinatorRequest) m.message()))
        .onMessage(Coordinator.Surveyed.class, m -> refuseAll(m.request()))
        .onAnyMessage(m -> ignore("closing", m))
        .build();
  }

  private Behavior<Command> refuseAll(CoordinatorRequest request) {
    return refuse(request, "coordinator-unreachable", "the coordinator is ending");
  }

  Behavior<Command> stop(Ending end) {
    parts.ending().complete(end);
    return Behaviors.stopped();
  }
}
