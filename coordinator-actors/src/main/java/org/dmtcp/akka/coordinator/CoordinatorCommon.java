package org.dmtcp.akka.coordinator;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.DispatcherSelector;
import akka.actor.typed.javadsl.Behaviors;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.dmtcp.akka.config.ExitCode;
import org.dmtcp.akka.coordinator.Coordinator.AskerGone;
import org.dmtcp.akka.coordinator.Coordinator.Close;
import org.dmtcp.akka.coordinator.Coordinator.Command;
import org.dmtcp.akka.coordinator.Coordinator.Ending;
import org.dmtcp.akka.coordinator.Coordinator.NodeGone;
import org.dmtcp.akka.coordinator.Coordinator.OwnNodeStopped;
import org.dmtcp.akka.coordinator.Coordinator.Received;
import org.dmtcp.akka.coordinator.Coordinator.StaleElapsed;
import org.dmtcp.akka.coordinator.Coordinator.StartOwnNode;
import org.dmtcp.akka.coordinator.Coordinator.Surveyed;
import org.dmtcp.akka.coordinator.Coordinator.TimeoutElapsed;
import org.dmtcp.akka.coordinator.CoordinatorCommon.After;
import org.dmtcp.akka.coordinator.CoordinatorCommon.State;
import org.dmtcp.akka.protocol.CoordinatorReply;
import org.dmtcp.akka.protocol.CoordinatorRequest;
import org.dmtcp.akka.protocol.NodeCommand;
import org.dmtcp.akka.protocol.NodeEvent;
import org.dmtcp.akka.protocol.NodeEvent.NodeJoined;
import org.dmtcp.akka.protocol.ProcessInfo;
import org.dmtcp.akka.protocol.Receiving;

/** What the coordinator does in every state once it has started. */
final class CoordinatorCommon extends CoordinatorState {
  /** Of many processes so many are told by name. */
  private static final int NAMED = 10;

  private final CoordinatorClosing closing;

  CoordinatorCommon(Tools tools, CoordinatorClosing closing) {
    super(tools);
    this.closing = closing;
  }

  /**
   * What the handlers of every state must know of the present one.
   *
   * @param phase as the status shows it, empty for none
   * @param stay the same state with other data
   * @param nodeGone tells whoever works for this state
   * @param agentReplaced the same, where we have not missed the agent
   * @param ofRound takes what a node says of a round that it does not know any more
   * @param defer in the middle of something: cancels it and does the rest when it has ended
   */
  record State(
      String phase,
      Function<Computation, Behavior<Command>> stay,
      Consumer<String> nodeGone,
      Consumer<String> agentReplaced,
      Consumer<NodeEvent> ofRound,
      Optional<BiFunction<Computation, After, Behavior<Command>>> defer) {}

  /** What is to be done when the present round has been cancelled: kill, and perhaps end. */
  record After(boolean kill, Optional<Ending> ending) {}

  Receiving<Command> handlers(Computation now, State state) {
    return Receiving.of(Command.class)
        .onMessage(Received.class, m -> m.message() instanceof NodeEvent,
            m -> onNodeEvent((NodeEvent) m.message(), now, state))
        .onMessage(Received.class, m -> m.message() instanceof CoordinatorRequest.Shared, m -> {
          plugins.tell(new PluginService.Asked((CoordinatorRequest.Shared) m.message()));
          return Behaviors.same();
        })
        .onMessage(NodeGone.class, m -> onNodeGone(m, now, state))
        .onMessage(AskerGone.class, this::forget)
        .onMessage(OwnNodeStopped.class, m -> onOwnNodeStopped())
        .onMessage(StartOwnNode.class, m -> startOwnNode())
        .onMessage(Received.class, m -> m.message() instanceof CoordinatorRequest.GetStatus
                || m.message() instanceof CoordinatorRequest.ListWorkers,
            m -> look((CoordinatorRequest) m.message(), now, state))
        .onMessage(Surveyed.class, m -> answer(m.request(),
            m.request() instanceof CoordinatorRequest.GetStatus
                ? Replies.status(now, state.phase(), settings)
                : Replies.workers(now, state.phase())))
        .onMessage(Received.class, m -> m.message() instanceof CoordinatorRequest.ListGenerations,
            m -> onListGenerations((CoordinatorRequest.ListGenerations) m.message()))
        .onMessage(Received.class, m -> m.message() instanceof CoordinatorRequest.SetInterval,
            m -> onSetInterval((CoordinatorRequest.SetInterval) m.message(), now, state))
        .onMessage(Received.class, m -> m.message() instanceof CoordinatorRequest.Kill,
            m -> onKill((CoordinatorRequest.Kill) m.message(), now, state))
        .onMessage(Received.class, m -> m.message() instanceof CoordinatorRequest.Quit,
            m -> onQuit((CoordinatorRequest.Quit) m.message(), now, state))
        .onMessage(Close.class,
            m -> leave(now, state, true, new Ending(ExitCode.DONE, m.reason())))
        .onMessage(TimeoutElapsed.class, m -> leave(now, state, false, timeoutEnding()))
        .onMessage(StaleElapsed.class,
            m -> leave(now, state, false, new Ending(ExitCode.USAGE_OR_TIMEOUT,
                "no process for " + settings.staleTimeout().toSeconds() + " s")));
  }

  /** In a round, or a restart, nobody comes or goes. */
  private Behavior<Command> look(CoordinatorRequest request, Computation now, State state) {
    survey.tell(new Survey.Ask(request, state.phase().isEmpty() ? now.busyAgents() : Map.of()));
    return Behaviors.same();
  }

  private Behavior<Command> onNodeEvent(NodeEvent event, Computation now, State state) {
    if (event instanceof NodeJoined joined) {
      return onJoined(
          joined, now, !state.phase().isEmpty(), state.agentReplaced(), state.stay());
    }
    if (event instanceof NodeEvent.LookedAround looked) {
      survey.tell(new Survey.Looked(looked.node(), looked.question()));
      return Behaviors.same();
    }
    if (event instanceof NodeEvent.PluginsChanged changed) {
      plugins.tell(new PluginService.Counted(changed.node(), changed.processes()));
      return Behaviors.same();
    }
    Computation.Node node = now.nodes().get(event.node());
    if (event instanceof NodeEvent.ProcessesChanged changed && node != null) {
      Computation then = now.withNode(changed.node(), node.agent(), changed.processes());
      if (now.peers() > 0 && then.peers() == 0) {
        startStaleTimer();
      }
      return state.stay().apply(then);
    }
    state.ofRound().accept(event);
    return Behaviors.same();
  }

  /**
   * @param isBusy a round or a restart of the present computation is going on
   * @param replaced told of a host whose agent has ended and begun anew before we missed it
   */
  Behavior<Command> onJoined(
      NodeJoined joined,
      Computation now,
      boolean isBusy,
      Consumer<String> replaced,
      Function<Computation, Behavior<Command>> stay) {
    boolean isOther =
        !joined.computationId().isEmpty() && !joined.computationId().equals(now.id());
    boolean isStranger = isOther && (now.peers() > 0 || isBusy);
    if (isStranger) {
      notes.note("Host " + joined.node() + " belongs to computation " + joined.computationId()
          + ", not to this one: refused");
      joined.agent().tell(new NodeCommand.Leave(false, "another computation runs here"));
      return Behaviors.same();
    }
    List<ProcessInfo> superseded =
        isOther || joined.computationId().isEmpty()
            ? List.of() : now.superseded(joined.node(), joined.processes());
    if (!superseded.isEmpty()) {
      return sendAway(joined, superseded);
    }
    Computation.Node before = now.nodes().get(joined.node());
    if (before != null && !before.agent().equals(joined.agent())) {
      replaced.accept(joined.node());
    }
    // It is the truth for its processes: a new coordinator learns from it what it has to know.
    Computation known =
        isOther
            ? now.takenOver(joined.computationId(), joined.generation())
            : now.atLeast(joined.generation());
    context.unwatch(joined.agent()); // whatever we were to be told before
    context.watchWith(joined.agent(), new NodeGone(joined.node(), joined.agent()));
    Computation then = known.withNode(joined.node(), joined.agent(), joined.processes());
    joined.agent().tell(new NodeCommand.Welcome(then.id(), then.generation()));
    if (!joined.computationId().isEmpty()) {
      tellWhatIsCommitted(joined.agent(), then.id());
    }
    if (!joined.processes().isEmpty()) {
      timers.cancel("stale");
    }
    return stay.apply(then);
  }

  /** They run on by themselves: it is not for us to say that nobody needs them. */
  private Behavior<Command> sendAway(NodeJoined joined, List<ProcessInfo> superseded) {
    String who = superseded.stream()
        .limit(NAMED)
        .map(p -> p.program() + "[" + p.id().realPid() + "]")
        .collect(Collectors.joining(", "));
    String all = who + (superseded.size() > NAMED ? ", ..." : "");
    String reason = "computation " + joined.computationId() + " was restarted without "
        + superseded.size() + " process(es) of before that still run on " + joined.node();
    notes.note("Host " + joined.node() + " refused: " + reason + ", by themselves: " + all
        + ". End them there (kill); until then the host cannot take part");
    joined.agent().tell(new NodeCommand.Leave(false, reason));
    return Behaviors.same();
  }

  /** It may have missed what became of its last round, and has the images under no name yet. */
  private void tellWhatIsCommitted(ActorRef<NodeCommand> agent, String computationId) {
    CompletableFuture.runAsync(
        () -> {
          try {
            store.head(computationId).ifPresent(head -> agent.tell(
                new NodeCommand.CommitRound("joined", computationId, head.generation(),
                    head.manifestId())));
          } catch (IOException e) {
            context.getSystem().log().warn("no word to a host that joins: {}", e.getMessage());
          }
        },
        context.getSystem().dispatchers().lookup(DispatcherSelector.blocking()));
  }

  private Behavior<Command> onNodeGone(NodeGone gone, Computation now, State state) {
    if (gone.agent().path().parent().equals(context.getSelf().path())) {
      onOwnNodeStopped();
    }
    Computation.Node node = now.nodes().get(gone.node());
    if (node == null || !node.agent().equals(gone.agent())) {
      return Behaviors.same(); // it has joined anew meanwhile
    }
    state.nodeGone().accept(gone.node());
    plugins.tell(new PluginService.Counted(gone.node(), 0));
    survey.tell(new Survey.Gone(gone.node()));
    if (!node.processes().isEmpty()) {
      notes.note("Host " + gone.node() + " with " + node.processes().size()
          + " process(es) was lost");
    }
    return state.stay().apply(now.withLostNode(gone.node()));
  }

  /** Its processes run on; its successor finds them in the registry file. */
  private Behavior<Command> onOwnNodeStopped() {
    notes.note("The node agent of this host failed; it is started again");
    timers.startSingleTimer("own-node", new StartOwnNode(), settings.nodeRestartDelay());
    return Behaviors.same();
  }

  /** Answered from a thread that may wait for the file system; it changes nothing here. */
  private Behavior<Command> onListGenerations(CoordinatorRequest.ListGenerations request) {
    CompletableFuture.supplyAsync(
            () -> Replies.generations(store, settings.host()),
            context.getSystem().dispatchers().lookup(DispatcherSelector.blocking()))
        .thenAccept(request.replyTo()::tell);
    return Behaviors.same();
  }

  private Behavior<Command> onSetInterval(
      CoordinatorRequest.SetInterval request, Computation now, State state) {
    Computation then = now.withOwnInterval(request.interval());
    if (state.phase().isEmpty()) {
      startIntervalTimer(then);
    }
    request.replyTo().tell(new CoordinatorReply.IntervalChanged(request.interval()));
    return state.stay().apply(then);
  }

  private Behavior<Command> onKill(CoordinatorRequest.Kill request, Computation now, State state) {
    After after = new After(true, Optional.empty());
    Behavior<Command> next =
        state.defer().map(defer -> defer.apply(now, after)).orElseGet(() -> {
          kill(now);
          return state.stay().apply(toldToEnd(now));
        });
    // Last: who launches after the answer must not be ended by what it answers.
    request.replyTo().tell(new CoordinatorReply.Accepted(now.peers()));
    return next;
  }

  void kill(Computation now) {
    now.nodes()
        .values()
        .forEach(node -> node.agent().tell(new NodeCommand.KillProcesses("on request")));
  }

  private Behavior<Command> onQuit(CoordinatorRequest.Quit request, Computation now, State state) {
    request.replyTo().tell(new CoordinatorReply.Accepted(now.peers()));
    return leave(now, state, true, new Ending(ExitCode.DONE, "per request"));
  }

  private Behavior<Command> leave(Computation now, State state, boolean kill, Ending end) {
    After after = new After(kill, Optional.of(end));
    return state
        .defer()
        .map(defer -> defer.apply(now, after))
        .orElseGet(() -> closing.enter(now, kill, end));
  }

  Behavior<Command> startOwnNode() {
    ActorRef<NodeCommand> agent =
        context.spawn(parts.ownNode().apply(self), "node-" + UUID.randomUUID());
    // NodeGone takes its place as soon as it joins, see onNodeGone.
    context.watchWith(agent, new OwnNodeStopped());
    return Behaviors.same();
  }
}
