package org.dmtcp.akka.coordinator;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.BehaviorBuilder;
import akka.actor.typed.javadsl.StashBuffer;
import akka.actor.typed.javadsl.TimerScheduler;
import java.util.Locale;
import java.util.Optional;
import java.util.UUID;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import java.util.function.Function;
import org.dmtcp.akka.config.ExitCode;
import org.dmtcp.akka.protocol.CoordinatorMessage;
import org.dmtcp.akka.protocol.CoordinatorReply;
import org.dmtcp.akka.protocol.CoordinatorRequest;
import org.dmtcp.akka.protocol.CoordinatorRequest.BeginRestart;
import org.dmtcp.akka.protocol.CoordinatorRequest.Checkpoint;
import org.dmtcp.akka.protocol.CoordinatorRequest.Register;
import org.dmtcp.akka.protocol.Failure;
import org.dmtcp.akka.protocol.NodeCommand;
import org.dmtcp.akka.protocol.NodeEvent;
import org.dmtcp.akka.protocol.NodeEvent.NodeJoined;
import org.dmtcp.akka.protocol.Phase;
import org.dmtcp.akka.protocol.ProcessInfo;
import org.dmtcp.akka.protocol.WorkerState;

/**
 * The coordinator of one computation at a time.
 *
 * <pre>
 * starting -> open -> inRound ----> open          (checkpoint, interval)
 *               +---> restarting -> open          (restart-begin)
 *     any state +---> closing -> stopped          (quit, last process gone, time-outs)
 * </pre>
 *
 * Losing it hurts nobody: it keeps nothing that the nodes or the manifest do not have.
 */
public final class Coordinator {
  public sealed interface Command {}

  /** Asked from outside: a signal, or the end of the terminal. */
  public record Close(String reason) implements Command {}

  private record Received(CoordinatorMessage message) implements Command {}

  // What a round says names it: the last words of one may come when the next has begun. We keep
  // one adapter per class of message, so the name must be in the message. Not private: the tests
  // send these in every order.

  record RoundProgressed(CheckpointRound.Progressed progress) implements Command {}

  record RoundEnded(CheckpointRound.Outcome outcome) implements Command {}

  record RestartEnded(RestartRound.Outcome outcome) implements Command {}

  /** @param id of a checkpoint's or a restart's actor that has stopped */
  record RoundStopped(String id) implements Command {}

  /** Said by ourselves, behind whatever the round said before it stopped. */
  private record RoundGone(String id) implements Command {}

  private record NodeGone(String node, ActorRef<NodeCommand> agent) implements Command {}

  private record IntervalElapsed() implements Command {}

  private record TimeoutElapsed() implements Command {}

  private record StaleElapsed() implements Command {}

  private record ClosingTimedOut() implements Command {}

  private record StartOwnNode() implements Command {}

  private record OwnNodeStopped() implements Command {}

  /** How it ended, and what to say. */
  public record Ending(ExitCode code, String reason) {}

  private static final int STASHED_REGISTRATIONS = 10_000;

  private final ActorContext<Command> context;
  private final TimerScheduler<Command> timers;
  private final StashBuffer<Command> stash;
  private final CoordinatorSettings settings;
  private final GenerationStore store;
  private final Notes notes;
  private final CoordinatorParts parts;
  private final ActorRef<CoordinatorMessage> self;

  public static Behavior<Command> create(CoordinatorParts parts) {
    return Behaviors.setup(
        context ->
            Behaviors.withTimers(
                timers ->
                    Behaviors.withStash(
                        STASHED_REGISTRATIONS,
                        stash -> new Coordinator(context, timers, stash, parts).starting())));
  }

  private Coordinator(
      ActorContext<Command> context,
      TimerScheduler<Command> timers,
      StashBuffer<Command> stash,
      CoordinatorParts parts) {
    this.context = context;
    this.timers = timers;
    this.stash = stash;
    this.settings = parts.settings();
    this.store = new GenerationStore(settings.checkpointDir());
    this.notes = parts.notes();
    this.parts = parts;
    this.self = context.messageAdapter(CoordinatorMessage.class, Received::new);
  }

  // ---- starting: until the node of this JVM is there

  private Behavior<Command> starting() {
    if (!settings.timeout().isZero()) {
      timers.startSingleTimer("timeout", new TimeoutElapsed(), settings.timeout());
    }
    startStaleTimer();
    startOwnNode();
    return Behaviors.receive(Command.class)
        .onMessage(Received.class, m -> m.message() instanceof NodeJoined, m -> {
          parts.ready().complete(self);
          return onJoined(
              (NodeJoined) m.message(), Computation.none(settings.interval()), false, this::open);
        })
        .onMessage(
            OwnNodeStopped.class,
            m -> stop(new Ending(ExitCode.FAILED, "the node agent of this host cannot start")))
        .onMessage(TimeoutElapsed.class, m -> stop(timeoutEnding()))
        .onMessage(Close.class, m -> stop(new Ending(ExitCode.DONE, m.reason())))
        .onAnyMessage(m -> ignore("starting", m))
        .build();
  }

  private Behavior<Command> startOwnNode() {
    ActorRef<NodeCommand> agent =
        context.spawn(parts.ownNode().apply(self), "node-" + UUID.randomUUID());
    // NodeGone takes its place as soon as it joins, see onNodeGone.
    context.watchWith(agent, new OwnNodeStopped());
    return Behaviors.same();
  }

  // ---- open: no round; with or without processes

  private Behavior<Command> open(Computation now) {
    return common(now, new State("", this::openOrOver, node -> {}, Optional.empty()))
        .onMessage(Received.class, m -> m.message() instanceof Register,
            m -> onRegister((Register) m.message(), now))
        .onMessage(Received.class, m -> m.message() instanceof Checkpoint,
            m -> onCheckpoint((Checkpoint) m.message(), now))
        .onMessage(Received.class, m -> m.message() instanceof BeginRestart,
            m -> onBeginRestart((BeginRestart) m.message(), now))
        .onMessage(IntervalElapsed.class, m -> onInterval(now))
        .onMessage(Received.class, m -> m.message() instanceof CoordinatorRequest,
            m -> refuse((CoordinatorRequest) m.message(), "not-running", "no restart is going on"))
        .onAnyMessage(m -> ignore("open", m))
        .build();
  }

  private Behavior<Command> openOrOver(Computation now) {
    return isOver(now)
        ? closing(now, false, new Ending(ExitCode.DONE, "the last process has ended"))
        : open(now);
  }

  /** Back from a round or restart: those who came meanwhile register now. */
  private Behavior<Command> reopen(Computation now) {
    startIntervalTimer(now);
    return isOver(now) ? openOrOver(now) : stash.unstashAll(open(now));
  }

  private Behavior<Command> onRegister(Register request, Computation now) {
    ProcessInfo process = request.process();
    if (!now.nodes().containsKey(process.id().host())) {
      return refuse(request, "internal", "node " + process.id().host() + " has not joined");
    }
    boolean isFirst = now.peers() == 0;
    Computation then = isFirst ? now.founded(process.uniquePid(), 0) : now;
    if (!request.interval().isNegative()) {
      then = then.withInterval(request.interval());
    }
    then = then.withProcess(process.withState(WorkerState.RUNNING));
    if (isFirst || !request.interval().isNegative()) {
      startIntervalTimer(then);
    }
    timers.cancel("stale");
    if (isFirst) {
      welcomeAll(then);
    }
    request
        .replyTo()
        .tell(
            new CoordinatorReply.Registered(
                then.id(), process.uniquePid(), settings.host(), settings.port(),
                then.generation()));
    return open(then);
  }

  private void welcomeAll(Computation now) {
    now.nodes()
        .values()
        .forEach(node -> node.agent().tell(new NodeCommand.Welcome(now.id(), now.generation())));
  }

  private Behavior<Command> onCheckpoint(Checkpoint request, Computation now) {
    if (now.peers() == 0) {
      return refuse(request, "not-running", "no process is connected");
    }
    if (!request.blocking()) {
      request.replyTo().tell(new CoordinatorReply.CheckpointStarted(now.peers()));
    }
    return startRound(now, request.kill(),
        request.blocking() ? Optional.of(request.replyTo()) : Optional.empty());
  }

  private Behavior<Command> onInterval(Computation now) {
    return now.peers() == 0 ? open(now) : startRound(now, false, Optional.empty());
  }

  // ---- inRound

  private record Round(
      String id,
      ActorRef<CheckpointRound.Command> actor,
      Phase phase,
      Optional<ActorRef<CoordinatorReply>> asker,
      Optional<After> then) {
    Round at(Phase newPhase) {
      return new Round(id, actor, newPhase, asker, then);
    }

    Round andThen(After after) {
      return new Round(id, actor, phase, asker, Optional.of(after));
    }
  }

  private Behavior<Command> startRound(
      Computation now, boolean kill, Optional<ActorRef<CoordinatorReply>> asker) {
    timers.cancel("interval");
    String roundId = UUID.randomUUID().toString();
    CheckpointRound.Start start =
        new CheckpointRound.Start(
            roundId,
            now.id(),
            now.used(),
            kill || settings.killAfterCheckpoint(),
            settings.copyOnWrite(),
            settings.host(),
            settings.port(),
            now.interval());
    ActorRef<CheckpointRound.Command> actor =
        context.spawn(
            CheckpointRound.create(
                start,
                now.busyAgents(),
                settings.limits(),
                store,
                parts.script(),
                context.messageAdapter(CheckpointRound.Progressed.class, RoundProgressed::new),
                context.messageAdapter(CheckpointRound.Outcome.class, RoundEnded::new)),
            "round-" + roundId);
    // Not restarted: half a round has no state to come back to. It stops, and we are told.
    context.watchWith(actor, new RoundStopped(roundId));
    return inRound(now, new Round(roundId, actor, Phase.PREPARE, asker, Optional.empty()));
  }

  private State stateOf(Round round) {
    return new State(
        round.phase().name().toLowerCase(Locale.ROOT),
        next -> inRound(next, round),
        node -> {}, // the round watches its nodes itself
        Optional.of((now, after) -> cancelRound(now, round, after)));
  }

  private Behavior<Command> cancelRound(Computation now, Round round, After after) {
    round.actor().tell(new CheckpointRound.Cancel(new Failure("round-cancelled",
        after.ending().isPresent() ? "the coordinator ends" : "killed on request")));
    if (after.ending().isPresent()) {
      timers.startSingleTimer("closing", new ClosingTimedOut(), settings.closeLimit());
    }
    return inRound(now, round.andThen(after));
  }

  private Behavior<Command> doAfter(Computation now, After after) {
    if (after.ending().isPresent()) {
      return closing(now, after.kill(), after.ending().get());
    }
    kill(now);
    return reopen(now);
  }

  private Behavior<Command> inRound(Computation now, Round round) {
    return common(now, stateOf(round))
        .onMessage(
            RoundProgressed.class,
            m -> m.progress().roundId().equals(round.id()),
            m -> inRound(now, round.at(m.progress().phase())))
        .onMessage(
            RoundEnded.class,
            m -> m.outcome().roundId().equals(round.id()),
            m -> onRoundEnded(m.outcome(), now, round))
        .onMessage(
            RoundStopped.class, m -> m.id().equals(round.id()), m -> afterItsOutcome(m.id()))
        .onMessage(
            RoundGone.class,
            m -> m.id().equals(round.id()),
            m -> onRoundEnded(
                new CheckpointRound.Aborted(round.id(), round.phase(), now.used(),
                    new Failure("internal", "the round failed; see the log")),
                now, round))
        .onMessage(
            ClosingTimedOut.class,
            m -> round.then().isPresent(),
            m -> doAfter(now, round.then().orElseThrow()))
        .onMessage(Received.class, m -> m.message() instanceof Register, this::later)
        .onMessage(Received.class, m -> m.message() instanceof CoordinatorRequest,
            m -> refuse((CoordinatorRequest) m.message(), "not-running",
                "a checkpoint is going on (" + round.phase() + ")"))
        .onAnyMessage(m -> ignore("inRound", m))
        .build();
  }

  /** The news of an end is a signal; Akka does not order it behind the outcome, so we do. */
  private Behavior<Command> afterItsOutcome(String id) {
    context.getSelf().tell(new RoundGone(id));
    return Behaviors.same();
  }

  /** After the round, if there is room; an answer comes in any case. */
  private Behavior<Command> later(Received message) {
    if (stash.isFull()) {
      return refuse((Register) message.message(), "not-running", "a checkpoint is going on");
    }
    stash.stash(message);
    return Behaviors.same();
  }

  private Behavior<Command> onRoundEnded(
      CheckpointRound.Outcome outcome, Computation now, Round round) {
    Computation then;
    CoordinatorReply reply;
    if (outcome instanceof CheckpointRound.Committed c) {
      then = now.committed(c.manifest().generation());
      reply = Replies.done(c);
      Replies.notes(c).forEach(notes::note);
    } else {
      CheckpointRound.Aborted a = (CheckpointRound.Aborted) outcome;
      then = now.failed(a.generation(), a.failure().toString());
      reply = new CoordinatorReply.Refused(a.failure());
      notes.note("Checkpoint failed at " + a.at() + ", the programs run on: " + a.failure());
    }
    round.asker().ifPresent(asker -> asker.tell(reply));
    return round.then().map(after -> doAfter(then, after)).orElseGet(() -> reopen(then));
  }

  // ---- restarting

  private record Restart(String id, ActorRef<RestartRound.Command> actor) {}

  private Behavior<Command> onBeginRestart(BeginRestart request, Computation now) {
    if (now.peers() > 0) {
      return refuse(request, "computation-running",
          "computation " + now.id() + " with " + now.peers() + " process(es) runs at this"
              + " coordinator");
    }
    String restartId = UUID.randomUUID().toString();
    RestartRound.Plan plan = RestartRound.Plan.of(restartId, request, settings);
    ActorRef<RestartRound.Command> actor =
        context.spawn(
            RestartRound.create(
                plan, store, context.messageAdapter(RestartRound.Outcome.class, RestartEnded::new)),
            "restart-" + restartId);
    context.watchWith(actor, new RoundStopped(restartId));
    actor.tell(new RestartRound.Join(request));
    timers.cancel("stale");
    Computation then = now.founded(request.computationId(), request.generation());
    then = request.interval().isNegative() ? then : then.withInterval(request.interval());
    welcomeAll(then);
    return restarting(then, new Restart(restartId, actor));
  }

  private State stateOf(Restart restart) {
    return new State(
        "restart",
        next -> restarting(next, restart),
        node -> restart.actor().tell(new RestartRound.NodeLost(node)),
        Optional.of((now, after) -> cancelRestart(now, restart, after)));
  }

  private Behavior<Command> cancelRestart(Computation now, Restart restart, After after) {
    restart.actor().tell(
        new RestartRound.Cancel(new Failure("restart-cancelled", "cancelled on request")));
    return after.ending().map(end -> closing(now, after.kill(), end)).orElse(Behaviors.same());
  }

  private Behavior<Command> restarting(Computation now, Restart restart) {
    return common(now, stateOf(restart))
        .onMessage(Received.class, m -> m.message() instanceof CoordinatorRequest,
            m -> onRestartRequest((CoordinatorRequest) m.message(), now, restart.actor()))
        .onMessage(
            RestartEnded.class,
            m -> m.outcome().restartId().equals(restart.id()),
            m -> onRestartEnded(m.outcome(), now))
        .onMessage(
            RoundStopped.class, m -> m.id().equals(restart.id()), m -> afterItsOutcome(m.id()))
        .onMessage(
            RoundGone.class,
            m -> m.id().equals(restart.id()),
            m -> onRestartEnded(
                new RestartRound.Cancelled(
                    restart.id(),
                    new Failure("internal", "the restart failed; see the log")),
                now))
        .onAnyMessage(m -> ignore("restarting", m))
        .build();
  }

  private Behavior<Command> onRestartRequest(
      CoordinatorRequest request, Computation now, ActorRef<RestartRound.Command> restart) {
    if (request instanceof BeginRestart r) {
      restart.tell(new RestartRound.Join(r));
    } else if (request instanceof CoordinatorRequest.RestartReady r) {
      restart.tell(new RestartRound.Ready(r));
    } else if (request instanceof CoordinatorRequest.RestartWithdrawn r) {
      restart.tell(new RestartRound.Withdraw(r));
    } else if (request instanceof CoordinatorRequest.Force r) {
      restart.tell(new RestartRound.Force(r.replyTo()));
    } else {
      return refuse(request, "not-running", "computation " + now.id() + " is being restarted");
    }
    return Behaviors.same();
  }

  private Behavior<Command> onRestartEnded(RestartRound.Outcome outcome, Computation now) {
    if (outcome instanceof RestartRound.Went went) {
      notes.note("Restarted generation " + now.generation() + " of " + now.id() + ": "
          + went.processes().size() + " process(es)"
          + (went.missing() > 0 ? ", without " + went.missing() + " missing" : ""));
      Computation then = now;
      for (ProcessInfo process : went.processes()) {
        then = then.withProcess(process.withState(WorkerState.RUNNING));
      }
      return reopen(then);
    }
    Failure failure = ((RestartRound.Cancelled) outcome).failure();
    notes.note("Restart failed: " + failure);
    Computation then = now.founded("", 0);
    if (settings.exitOnLast()) {
      return closing(then, false, new Ending(ExitCode.DONE, "the restart failed"));
    }
    startStaleTimer();
    return open(then);
  }

  // ---- closing

  /** @param kill the processes end too */
  private Behavior<Command> closing(Computation now, boolean kill, Ending end) {
    timers.cancelAll();
    timers.startSingleTimer("closing", new ClosingTimedOut(), settings.closeLimit());
    now.nodes().values().forEach(n -> n.agent().tell(new NodeCommand.Leave(kill, end.reason())));
    return closing(now, end);
  }

  private Behavior<Command> closing(Computation now, Ending end) {
    if (now.nodes().isEmpty()) {
      return stop(end);
    }
    return Behaviors.receive(Command.class)
        .onMessage(NodeGone.class, m -> closing(now.withoutNode(m.node()), end))
        .onMessage(ClosingTimedOut.class, m -> stop(end))
        .onMessage(Received.class, m -> m.message() instanceof CoordinatorRequest,
            m -> refuse((CoordinatorRequest) m.message(), "coordinator-unreachable",
                "the coordinator is ending"))
        .onAnyMessage(m -> ignore("closing", m))
        .build();
  }

  private Behavior<Command> stop(Ending end) {
    parts.ending().complete(end);
    return Behaviors.stopped();
  }

  // ---- what every state does

  /**
   * What the handlers of every state must know of the present one.
   *
   * @param phase as the status shows it, empty for none
   * @param stay the same state with other data
   * @param nodeGone tells whoever works for this state
   * @param defer in the middle of something: cancels it and does the rest when it has ended
   */
  private record State(
      String phase,
      Function<Computation, Behavior<Command>> stay,
      Consumer<String> nodeGone,
      Optional<BiFunction<Computation, After, Behavior<Command>>> defer) {}

  /** What is to be done when the present round has been cancelled: kill, and perhaps end. */
  private record After(boolean kill, Optional<Ending> ending) {}

  private BehaviorBuilder<Command> common(Computation now, State state) {
    return Behaviors.receive(Command.class)
        .onMessage(Received.class, m -> m.message() instanceof NodeEvent,
            m -> onNodeEvent((NodeEvent) m.message(), now, state))
        .onMessage(NodeGone.class, m -> onNodeGone(m, now, state))
        .onMessage(OwnNodeStopped.class, m -> onOwnNodeStopped())
        .onMessage(StartOwnNode.class, m -> startOwnNode())
        .onMessage(Received.class, m -> m.message() instanceof CoordinatorRequest.GetStatus,
            m -> answer((CoordinatorRequest) m.message(),
                Replies.status(now, state.phase(), settings)))
        .onMessage(Received.class, m -> m.message() instanceof CoordinatorRequest.ListWorkers,
            m -> answer((CoordinatorRequest) m.message(), Replies.workers(now, state.phase())))
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

  private Behavior<Command> onNodeEvent(NodeEvent event, Computation now, State state) {
    if (event instanceof NodeJoined joined) {
      return onJoined(joined, now, !state.phase().isEmpty(), state.stay());
    }
    Computation.Node node = now.nodes().get(event.node());
    if (event instanceof NodeEvent.ProcessesChanged changed && node != null) {
      Computation then = now.withNode(changed.node(), node.agent(), changed.processes());
      if (now.peers() > 0 && then.peers() == 0) {
        startStaleTimer();
      }
      return state.stay().apply(then);
    }
    return ignore(state.phase(), new Received(event));
  }

  /** @param isBusy a round or a restart of the present computation is going on */
  private Behavior<Command> onJoined(
      NodeJoined joined,
      Computation now,
      boolean isBusy,
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
    // It is the truth for its processes: a new coordinator learns from it what it has to know.
    Computation known =
        isOther
            ? now.founded(joined.computationId(), joined.generation())
            : now.atLeast(joined.generation());
    context.unwatch(joined.agent()); // whatever we were to be told before
    context.watchWith(joined.agent(), new NodeGone(joined.node(), joined.agent()));
    Computation then = known.withNode(joined.node(), joined.agent(), joined.processes());
    joined.agent().tell(new NodeCommand.Welcome(then.id(), then.generation()));
    if (!joined.processes().isEmpty()) {
      timers.cancel("stale");
    }
    return stay.apply(then);
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
    if (!node.processes().isEmpty()) {
      notes.note("Host " + gone.node() + " with " + node.processes().size()
          + " process(es) was lost");
    }
    return state.stay().apply(now.withoutNode(gone.node()));
  }

  /** Its processes run on; its successor finds them in the registry file. */
  private Behavior<Command> onOwnNodeStopped() {
    notes.note("The node agent of this host failed; it is started again");
    timers.startSingleTimer("own-node", new StartOwnNode(), settings.nodeRestartDelay());
    return Behaviors.same();
  }

  private Behavior<Command> onSetInterval(
      CoordinatorRequest.SetInterval request, Computation now, State state) {
    Computation then = now.withInterval(request.interval());
    if (state.phase().isEmpty()) {
      startIntervalTimer(then);
    }
    request.replyTo().tell(new CoordinatorReply.IntervalChanged(request.interval()));
    return state.stay().apply(then);
  }

  private Behavior<Command> onKill(CoordinatorRequest.Kill request, Computation now, State state) {
    request.replyTo().tell(new CoordinatorReply.Accepted(now.peers()));
    After after = new After(true, Optional.empty());
    return state.defer().map(defer -> defer.apply(now, after)).orElseGet(() -> kill(now));
  }

  private Behavior<Command> kill(Computation now) {
    now.nodes()
        .values()
        .forEach(node -> node.agent().tell(new NodeCommand.KillProcesses("on request")));
    return Behaviors.same();
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
        .orElseGet(() -> closing(now, kill, end));
  }

  // ---- small helpers

  private boolean isOver(Computation now) {
    return settings.exitOnLast() && now.hadProcess() && now.peers() == 0;
  }

  private Ending timeoutEnding() {
    return new Ending(
        ExitCode.USAGE_OR_TIMEOUT, "the time-out of " + settings.timeout().toSeconds()
            + " s is over");
  }

  private void startStaleTimer() {
    if (!settings.staleTimeout().isZero()) {
      timers.startSingleTimer("stale", new StaleElapsed(), settings.staleTimeout());
    }
  }

  private void startIntervalTimer(Computation now) {
    if (now.interval().isZero()) {
      timers.cancel("interval");
    } else {
      timers.startSingleTimer("interval", new IntervalElapsed(), now.interval());
    }
  }

  private Behavior<Command> answer(CoordinatorRequest request, CoordinatorReply reply) {
    request.replyTo().tell(reply);
    return Behaviors.same();
  }

  private Behavior<Command> refuse(CoordinatorRequest request, String errorId, String text) {
    return answer(request, new CoordinatorReply.Refused(new Failure(errorId, text)));
  }

  private Behavior<Command> ignore(String state, Command message) {
    context.getLog().debug("{}: ignored {}", state, message);
    return Behaviors.same();
  }
}
