package org.dmtcp.akka.agent.host;

import akka.actor.Address;
import akka.actor.AddressFromURIString;
import akka.actor.typed.ActorRef;
import akka.actor.typed.ActorRefResolver;
import akka.actor.typed.Behavior;
import akka.actor.typed.BehaviorInterceptor;
import akka.actor.typed.ChildFailed;
import akka.actor.typed.Terminated;
import akka.actor.typed.TypedActorContext;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.TimerScheduler;
import akka.cluster.ClusterEvent;
import akka.cluster.typed.Cluster;
import akka.cluster.typed.Join;
import akka.cluster.typed.Leave;
import akka.cluster.typed.Subscribe;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import org.dmtcp.akka.agent.local.SocketInUseException;
import org.dmtcp.akka.protocol.CoordinatorMessage;
import org.dmtcp.akka.protocol.NodeCommand;
import org.dmtcp.akka.protocol.Receiving;

/**
 * One membership of this JVM in the cluster of a coordinator: from joining to the end of either.
 * <pre>
 * joining -> serving -> stopped   (told to leave, coordinator lost, not admitted in time)
 *               +-----> leaving -> stopped      (idle, another agent serves: the cluster is told)
 * </pre>
 */
final class AgentGuardian {
  sealed interface Command {}

  private record MemberChanged() implements Command {}

  private record CoordinatorLost() implements Command {}

  private record NotAdmitted() implements Command {}

  private record ToldToLeave(String reason) implements Command {}

  /** How a membership ended. */
  enum End {
    /** There is nothing more to do here. */
    DONE,
    /** The coordinator ends, or does not want us. */
    SENT_AWAY,
    /** Another agent serves this host. */
    SERVED_BY_ANOTHER,
    /** The cluster has not taken us within the limit. */
    NOT_ADMITTED,
    /** The coordinator has gone, or cannot be reached. */
    LOST;

    /** Does the coordinator stay? Then it hears that we go, and does not take us for lost. */
    boolean isSaid() {
      return this == DONE || this == SERVED_BY_ANOTHER;
    }

    boolean isToBeTriedAgain() {
      return this == NOT_ADMITTED || this == LOST;
    }
  }

  /**
   * @param node makes the node agent, given the coordinator
   * @param ready completed once the node agent serves
   * @param sentAway why the coordinator sends us away, if it does
   * @param end completed before the actor stops
   */
  record Parts(ControlClient.Way way, Duration joinLimit,
      Function<ActorRef<CoordinatorMessage>, Behavior<NodeCommand>> node,
      CompletableFuture<Void> ready, CompletableFuture<String> sentAway,
      CompletableFuture<End> end) {}

  private final ActorContext<Command> context;
  private final TimerScheduler<Command> timers;
  private final Parts parts;
  private final Address first;

  static Behavior<Command> create(Parts parts) {
    return Behaviors.setup(context -> Behaviors.withTimers(
        timers -> new AgentGuardian(context, timers, parts).joining()));
  }

  private AgentGuardian(
      ActorContext<Command> context, TimerScheduler<Command> timers, Parts parts) {
    this.context = context;
    this.timers = timers;
    this.parts = parts;
    this.first = AddressFromURIString.parse(parts.way().address());
  }

  private Behavior<Command> joining() {
    Cluster cluster = Cluster.get(context.getSystem());
    ActorRef<ClusterEvent.MemberEvent> changes =
        context.messageAdapter(ClusterEvent.MemberEvent.class, e -> new MemberChanged());
    cluster.subscriptions().tell(Subscribe.create(changes, ClusterEvent.MemberEvent.class));
    cluster.manager().tell(Join.create(first));
    timers.startSingleTimer("admitted", new NotAdmitted(), parts.joinLimit());
    return Receiving.of(Command.class)
        .onMessage(MemberChanged.class, m -> knowsCoordinator(cluster) ? begin() : Behaviors.same())
        .onMessage(NotAdmitted.class, m -> end(End.NOT_ADMITTED))
        .onAnyMessage(m -> Behaviors.same())
        .build();
  }

  /** Only a member can be watched, see "Remote Death Watch" in Akka's documentation. */
  private boolean knowsCoordinator(Cluster cluster) {
    for (akka.cluster.Member member : cluster.state().getMembers()) {
      if (member.address().equals(first)) {
        return true;
      }
    }
    return false;
  }

  private Behavior<Command> begin() {
    timers.cancel("admitted");
    ActorRef<CoordinatorMessage> coordinator =
        ActorRefResolver.get(context.getSystem()).resolveActorRef(parts.way().coordinator());
    context.watchWith(coordinator, new CoordinatorLost());
    ActorRef<NodeCommand> node = context.spawn(
        Behaviors.intercept(
            () -> new LeaveWatch(context.getSelf()), parts.node().apply(coordinator)),
        "node");
    context.watch(node);
    parts.ready().complete(null);
    return serving(End.DONE);
  }

  /** @param how it will have ended when the node agent stops */
  private Behavior<Command> serving(End how) {
    return Receiving.of(Command.class)
        .onMessage(CoordinatorLost.class, m -> end(End.LOST))
        .onMessage(ToldToLeave.class, m -> {
          parts.sentAway().complete(m.reason());
          return serving(End.SENT_AWAY);
        })
        .onSignal(ChildFailed.class, s -> onNodeFailed(s.getCause()))
        .onSignal(Terminated.class, s -> end(how))
        .onAnyMessage(m -> Behaviors.same())
        .build();
  }

  /** Sees what tells the node agent to leave. */
  private static final class LeaveWatch extends BehaviorInterceptor<NodeCommand, NodeCommand> {
    private final ActorRef<Command> guardian;

    LeaveWatch(ActorRef<Command> guardian) {
      super(NodeCommand.class);
      this.guardian = guardian;
    }

    @Override
    public Behavior<NodeCommand> aroundReceive(
        TypedActorContext<NodeCommand> ctx, NodeCommand command, ReceiveTarget<NodeCommand> node) {
      if (command instanceof NodeCommand.Leave leave) {
        guardian.tell(new ToldToLeave(leave.reason()));
      }
      return node.apply(ctx, command);
    }
  }

  /** It cannot have the socket, or has a fault: a new one adopts what it had. */
  private Behavior<Command> onNodeFailed(Throwable cause) {
    boolean isServed = false;
    for (Throwable t = cause; t != null; t = t.getCause()) {
      isServed |= t instanceof SocketInUseException;
    }
    context.getLog().warn("node agent: {}", cause.getMessage());
    return end(isServed ? End.SERVED_BY_ANOTHER : End.LOST);
  }

  private Behavior<Command> end(End how) {
    parts.end().complete(how);
    return how.isSaid() ? leaving() : Behaviors.stopped();
  }

  /** The cluster ends this actor system when it has let us go. */
  private Behavior<Command> leaving() {
    Cluster cluster = Cluster.get(context.getSystem());
    cluster.manager().tell(Leave.create(cluster.selfMember().address()));
    return Receiving.of(Command.class)
        .onMessage(CoordinatorLost.class, m -> Behaviors.stopped())
        .onAnyMessage(m -> Behaviors.same())
        .build();
  }
}
