package org.dmtcp.akka.agent.node;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.DispatcherSelector;
import akka.actor.typed.PostStop;
import akka.actor.typed.SupervisorStrategy;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.BehaviorBuilder;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.StashBuffer;
import akka.actor.typed.javadsl.TimerScheduler;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.Function;
import org.dmtcp.akka.agent.engine.EngineAnswer;
import org.dmtcp.akka.agent.engine.EngineChannel;
import org.dmtcp.akka.agent.engine.EngineCodec;
import org.dmtcp.akka.agent.engine.EngineDriver;
import org.dmtcp.akka.agent.engine.EngineEvent;
import org.dmtcp.akka.agent.engine.EngineMember;
import org.dmtcp.akka.agent.engine.EngineRequest;
import org.dmtcp.akka.agent.engine.HostProcess;
import org.dmtcp.akka.agent.local.LocalRequest;
import org.dmtcp.akka.agent.local.LocalSocketServer;
import org.dmtcp.akka.config.ErrorTable;
import org.dmtcp.akka.protocol.CoordinatorReply;
import org.dmtcp.akka.protocol.CoordinatorRequest;
import org.dmtcp.akka.protocol.Failure;
import org.dmtcp.akka.protocol.NodeCommand;
import org.dmtcp.akka.protocol.NodeEnvironment;
import org.dmtcp.akka.protocol.NodeEvent;
import org.dmtcp.akka.protocol.Phase;
import org.dmtcp.akka.protocol.ProcessInfo;
import org.dmtcp.akka.protocol.WorkerState;

/**
 * The processes of the computation on one host: knows them, watches them, takes them through
 * rounds, ends them, and serves the commands of the host.
 * <pre>
 * adopting -> serving -> (Leave) -> thawing -> sweeping -> answering -> stops
 * </pre>
 */
public final class NodeAgent {
  sealed interface Command {}

  private record FromCoordinator(NodeCommand command) implements Command {}

  private record Local(LocalRequest request) implements Command {}

  /**
   * These run, or are about to, under the coordinator's computation.
   *
   * @param replyTo told when a checkpoint would find them
   */
  record Adopt(List<Member> members, List<HostProcess> namespaceInits,
      ActorRef<Adopted> replyTo) implements Command {}

  record Adopted() {}

  /**
   * This one wants to join; the coordinator answers {@code replyTo}. Until {@link Adopt} it is
   * reported, so that no report undoes the joining, but it takes part in nothing.
   */
  record Enroll(Member member, Duration interval, ActorRef<CoordinatorReply> replyTo)
      implements Command {}

  /** The one that wanted to join does not. */
  record Dismiss(HostProcess process) implements Command {}

  /** Asks for the list of members to be looked after; answered at once if that was just done. */
  record Refresh(ActorRef<Refreshed> replyTo) implements Command {}

  record Refreshed() {}

  private record EngineSaid(EngineEvent event) implements Command {}

  private record Answered(EngineAnswer answer) implements Command {}

  private record RoundFound(NodeRound.Found found) implements Command {}

  private record RoundStopped(String roundId) implements Command {}

  private record Swept() implements Command {}

  private record CallEnded() implements Command {}

  private record LeaveNow() implements Command {}

  private record JoinAgain() implements Command {}

  private static final int STASHED = 10_000; // what may come during the first look

  private final ActorContext<Command> context;
  private final TimerScheduler<Command> timers;
  private final NodeEnvironment environment;
  private final NodeSettings settings;
  private final ProcFs proc;
  private final UniquePids uniquePids;
  private final RegistryFile registry;
  private final Executor blocking;
  private final LocalSocketServer server;
  private final ActorRef<EngineDriver.Command> engine;
  private final ActorRef<EngineAnswer> answers;
  private final ActorRef<NodeRound.Found> found;

  /** What an agent works with beside its environment; tests bring their own. */
  record Parts(EngineChannel.Starter engine, ProcFs proc, UniquePids uniquePids) {}

  /** An agent that serves the socket from its first moment on, and fails at once if it cannot. */
  static Behavior<NodeCommand> create(
      NodeEnvironment environment, NodeSettings settings, Parts parts) {
    Behavior<Command> behavior = Behaviors.setup(context ->
        Behaviors.withTimers(timers -> Behaviors.withStash(STASHED, stash -> {
          LocalSocketServer server = serve(environment, settings, context.getSelf());
          return new NodeAgent(context, timers, environment, settings, parts, server)
              .starting(stash);
        })));
    return Behaviors.transformMessages(NodeCommand.class, behavior,
        pf -> pf.match(NodeCommand.class, FromCoordinator::new));
  }

  private static LocalSocketServer serve(
      NodeEnvironment environment, NodeSettings settings, ActorRef<Command> self) {
    try {
      return LocalSocketServer.open(
          environment.socket(), settings.local(), request -> self.tell(new Local(request)));
    } catch (IOException e) {
      throw new UncheckedIOException("the local socket cannot be served: " + e.getMessage(), e);
    }
  }

  private NodeAgent(ActorContext<Command> context, TimerScheduler<Command> timers,
      NodeEnvironment environment, NodeSettings settings, Parts parts, LocalSocketServer server) {
    this.context = context;
    this.timers = timers;
    this.environment = environment;
    this.settings = settings;
    this.proc = parts.proc();
    this.uniquePids = parts.uniquePids();
    this.server = server;
    this.registry = new RegistryFile(environment.socket());
    this.blocking = context.getSystem().dispatchers().lookup(DispatcherSelector.blocking());
    this.answers = context.messageAdapter(EngineAnswer.class, Answered::new);
    this.found = context.messageAdapter(NodeRound.Found.class, RoundFound::new);
    this.engine = context.spawn(
        Behaviors.supervise(EngineDriver.create(parts.engine(), settings.engine(),
                context.messageAdapter(EngineEvent.class, EngineSaid::new)))
            .onFailure(SupervisorStrategy.restart()),
        "engine");
  }

  // ---- beginning: what an earlier agent left

  private Behavior<Command> starting(StashBuffer<Command> stash) {
    NodeState none = NodeState.none();
    try {
      return registry.load().map(c -> adopting(scan(adopted(none, c)), stash))
          .orElseGet(() -> serving(join(none)));
    } catch (IOException e) {
      context.getLog().warn("registry: {}", e.getMessage());
      return serving(join(none));
    }
  }

  private NodeState adopted(NodeState none, RegistryFile.Content content) {
    Membership living = content.membership();
    for (HostProcess p : living.processes()) {
      living = proc.lives(p) ? living : living.without(p);
    }
    return none.with(living).ofComputation(content.computationId(), content.generation());
  }

  /** Children of those that have ended meanwhile are looked for before the coordinator hears. */
  private Behavior<Command> adopting(NodeState state, StashBuffer<Command> stash) {
    return Behaviors.receive(Command.class)
        .onMessage(Answered.class, m -> m.answer().request() instanceof EngineRequest.Scan,
            m -> onAdopted(m.answer(), state, stash))
        .onSignal(PostStop.class, s -> stopped())
        .onAnyMessage(m -> {
          stash.stash(m);
          return Behaviors.same();
        })
        .build();
  }

  private Behavior<Command> onAdopted(
      EngineAnswer answer, NodeState state, StashBuffer<Command> stash) {
    Membership now = answer.ok()
        ? merge(state, state.scan().asked(), EngineCodec.members(answer.body()))
        : state.membership();
    NodeState settled = state.with(new NodeState.Scan(null, false, List.of(), System.nanoTime()));
    if (now.isEmpty()) {
      return stash.unstashAll(serving(join(save(settled.with(now).ofComputation("", 0)))));
    }
    context.getLog().info("adopted {} process(es) of computation {}",
        now.members().size(), state.computationId());
    now.processes().forEach(this::watch);
    NodeState then = save(settled.with(now));
    return stash.unstashAll(serving(join(then.reported(infos(then)))));
  }

  /** Said again until the coordinator answers: it may not have been there yet. */
  private NodeState join(NodeState state) {
    timers.startSingleTimer("join", new JoinAgain(), settings.joinRetry());
    environment.coordinator().tell(new NodeEvent.NodeJoined(environment.node(),
        state.computationId(), state.generation(), state.reported(),
        context.getSelf().unsafeUpcast()));
    return state;
  }

  // ---- serving

  private Behavior<Command> serving(NodeState state) {
    return Behaviors.receive(Command.class)
        .onMessage(Local.class, m -> serving(onLocal(m.request(), state)))
        .onMessage(CallEnded.class, m -> serving(state.withCalls(state.calls() - 1)))
        .onMessage(Refresh.class, m -> serving(onRefresh(m.replyTo(), state)))
        .onMessage(Enroll.class, m -> serving(onEnroll(m, state)))
        .onMessage(Dismiss.class, m -> serving(tell(state.notJoining(m.process()))))
        .onMessage(Adopt.class, m -> serving(onAdopt(m, state)))
        .onMessage(FromCoordinator.class, m -> onCommand(m.command(), state))
        .onMessage(EngineSaid.class, m -> serving(onEngine(m.event(), state)))
        .onMessage(Answered.class, m -> serving(onAnswer(m.answer(), state)))
        .onMessage(RoundFound.class, m -> serving(onRoundFound(m.found(), state)))
        .onMessage(RoundStopped.class, m -> serving(scan(onRoundStopped(m.roundId(), state))))
        .onMessage(JoinAgain.class, m -> serving(join(state)))
        .onMessage(Swept.class, m -> serving(scan(onSwept(state))))
        .onSignal(PostStop.class, s -> stopped())
        .build();
  }

  private Behavior<Command> stopped() {
    server.close();
    return Behaviors.stopped();
  }

  private NodeState onLocal(LocalRequest request, NodeState state) {
    boolean newcomer = request.op().equals("register") || request.op().equals("restart-begin");
    if (newcomer && state.sweeps().active() > 0) {
      return state.with(state.sweeps().holding(request));
    }
    return call(request, state);
  }

  private NodeState call(LocalRequest request, NodeState state) {
    ActorRef<LocalCall.Command> call = context.spawnAnonymous(
        LocalCall.create(request, new LocalCall.Setting(
            environment, settings, proc, uniquePids, context.getSelf())));
    context.watchWith(call, new CallEnded());
    return state.withCalls(state.calls() + 1);
  }

  private Behavior<Command> onCommand(NodeCommand command, NodeState state) {
    if (command instanceof NodeCommand.Welcome m) {
      timers.cancel("join");
      return serving(m.computationId().isEmpty() ? state
          : save(state.ofComputation(m.computationId(), m.generation())));
    } else if (command instanceof NodeCommand.BeginRound m) {
      return serving(onBeginRound(m, state));
    } else if (command instanceof NodeCommand.EnterPhase m) {
      toRound(state, m.roundId(), m.phase(), new NodeRound.Enter(m));
    } else if (command instanceof NodeCommand.StageManifest m) {
      toRound(state, m.roundId(), Phase.COMMIT, new NodeRound.Stage(m));
    } else if (command instanceof NodeCommand.CommitRound m) {
      return serving(onCommitRound(m, state));
    } else if (command instanceof NodeCommand.AbortRound m) {
      return serving(onAbortRound(m, state));
    } else if (command instanceof NodeCommand.ReportProcesses) {
      return serving(scan(state.reported(null)));
    } else if (command instanceof NodeCommand.KillProcesses m) {
      return serving(sweep(state, m.reason()));
    } else if (command instanceof NodeCommand.Leave m) {
      return onLeave(m, state);
    }
    return Behaviors.same();
  }

  // ---- rounds

  private NodeState onBeginRound(NodeCommand.BeginRound order, NodeState state) {
    String id = order.plan().roundId();
    if (state.rounds().containsKey(id)) {
      return state; // said twice
    }
    ActorRef<NodeRound.Command> round = context.spawn(
        NodeRound.create(new NodeRound.Setting(environment.node(), environment.coordinatorPort(), order.plan(),
            state.membership().processes(), state.membership().namespaceInits(), engine, found,
            order.replyTo(), settings, proc), order.limit()),
        "round-" + id);
    context.watchWith(round, new RoundStopped(id));
    Map<String, ActorRef<NodeRound.Command>> rounds = new HashMap<>(state.rounds());
    rounds.put(id, round);
    return state.withRounds(rounds);
  }

  private void toRound(NodeState state, String roundId, Phase phase, NodeRound.Command command) {
    ActorRef<NodeRound.Command> round = state.rounds().get(roundId);
    if (round != null) {
      round.tell(command);
      return;
    }
    environment.coordinator().tell(new NodeEvent.PhaseFailed(environment.node(), roundId, phase,
        new Failure("internal", "round " + roundId + " is unknown on " + environment.node())));
  }

  private NodeState onCommitRound(NodeCommand.CommitRound order, NodeState state) {
    ActorRef<NodeRound.Command> round = state.rounds().get(order.roundId());
    if (round != null) {
      round.tell(new NodeRound.Commit());
    } else {
      commitUnknown(order, state);
    }
    return save(state.ofComputation(order.computationId(), order.generation()));
  }

  /** An earlier agent, or an earlier telling, did the rest of the round. */
  private void commitUnknown(NodeCommand.CommitRound order, NodeState state) {
    Set<Path> directories = new HashSet<>();
    state.membership().members().forEach(
        m -> directories.add(Path.of(m.options().checkpointDir())));
    CompletableFuture.runAsync(() -> {
      try {
        new RoundFiles(environment.node(), order.computationId(), order.generation(),
            order.manifestId()).commitFound(directories);
        environment.coordinator().tell(
            new NodeEvent.RoundCommitted(environment.node(), order.roundId()));
      } catch (IOException e) {
        environment.coordinator().tell(new NodeEvent.PhaseFailed(environment.node(),
            order.roundId(), Phase.COMMIT, new Failure("image-unwritable", e.getMessage())));
      }
    }, blocking);
  }

  private NodeState onAbortRound(NodeCommand.AbortRound order, NodeState state) {
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
  private NodeState onRoundStopped(String roundId, NodeState state) {
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
  private NodeState onRoundFound(NodeRound.Found found, NodeState state) {
    Membership now = merge(state, new HashSet<>(state.membership().processes()), found.members());
    List<Member> members = new ArrayList<>();
    for (EngineMember f : found.members()) {
      if (!f.zombie()) {
        now.get(f.process()).ifPresent(members::add);
      } else if (found.zombies()) {
        now.zombie(f, proc, uniquePids::of).ifPresent(members::add);
      }
    }
    found.replyTo().tell(new NodeRound.Named(List.copyOf(members)));
    return changed(state, now);
  }

  // ---- members

  private NodeState onEnroll(Enroll enroll, NodeState state) {
    environment.coordinator().tell(new CoordinatorRequest.Register(
        enroll.member().info(environment.node(), WorkerState.RUNNING), enroll.interval(),
        enroll.replyTo()));
    return state.joining(enroll.member());
  }

  private NodeState onAdopt(Adopt adopt, NodeState state) {
    NodeState now = state;
    for (Member member : adopt.members()) {
      now = now.with(now.membership().with(member)).notJoining(member.process());
      watch(member.process());
    }
    for (HostProcess init : adopt.namespaceInits()) {
      now = now.with(now.membership().withNamespace(init));
    }
    adopt.replyTo().tell(new Adopted());
    return tell(save(now));
  }

  private void watch(HostProcess process) {
    submit(new EngineRequest.Watch(process));
  }

  private void submit(EngineRequest request) {
    engine.tell(new EngineDriver.Submit(request, settings.nativeLimit(), answers));
  }

  private NodeState onEngine(EngineEvent event, NodeState state) {
    if (event instanceof EngineEvent.Exited e) {
      return scan(state.with(state.membership().without(e.process())));
    }
    state.membership().processes().forEach(this::watch);
    return state.membership().isEmpty() ? state : scan(state);
  }

  private NodeState onAnswer(EngineAnswer answer, NodeState state) {
    if (answer.request() instanceof EngineRequest.Scan) {
      return onScanned(answer, state);
    }
    if (answer.request() instanceof EngineRequest.Watch w && !answer.ok()
        && answer.failure().id().equals("no-such-process")) {
      return scan(state.with(state.membership().without(w.process())));
    }
    return state;
  }

  private NodeState onRefresh(ActorRef<Refreshed> replyTo, NodeState state) {
    boolean fresh = state.scan().asked() == null
        && System.nanoTime() - state.scan().endedNanos() < settings.scanAge().toNanos();
    if (fresh || state.membership().isEmpty() || !state.rounds().isEmpty()) {
      replyTo.tell(new Refreshed()); // in a round the programs stand still: nobody comes or goes
      return state;
    }
    List<ActorRef<Refreshed>> waiting = new ArrayList<>(state.scan().waiting());
    waiting.add(replyTo);
    NodeState.Scan scan = state.scan();
    NodeState now = state.with(
        new NodeState.Scan(scan.asked(), scan.again(), List.copyOf(waiting), scan.endedNanos()));
    return scan.asked() == null ? scan(now) : now;
  }

  /** Looks after the members; when that is going on, once more afterwards. */
  private NodeState scan(NodeState state) {
    NodeState.Scan scan = state.scan();
    if (scan.asked() != null) {
      return state.with(new NodeState.Scan(scan.asked(), true, scan.waiting(), scan.endedNanos()));
    }
    List<HostProcess> processes = state.membership().processes();
    submit(new EngineRequest.Scan(
        state.computationId(), environment.coordinatorPort(), processes, state.membership().namespaceInits()));
    return state.with(
        new NodeState.Scan(Set.copyOf(processes), false, scan.waiting(), scan.endedNanos()));
  }

  private NodeState onScanned(EngineAnswer answer, NodeState state) {
    NodeState.Scan scan = state.scan();
    NodeState now = state;
    if (answer.ok()) {
      now = changed(state,
          merge(state, scan.asked(), EngineCodec.members(answer.body())));
    } else {
      context.getLog().warn("scan: {}", answer.failure());
    }
    scan.waiting().forEach(w -> w.tell(new Refreshed()));
    now = now.with(new NodeState.Scan(null, false, List.of(), System.nanoTime()));
    return scan.again() ? scan(now) : now;
  }

  private Membership merge(NodeState state, Set<HostProcess> asked, List<EngineMember> members) {
    return state.membership().merged(asked, members, proc, uniquePids::of);
  }

  /** Watches who is new. */
  private NodeState changed(NodeState state, Membership now) {
    now.processes().stream().filter(p -> !state.membership().contains(p)).forEach(this::watch);
    return tell(state.with(now));
  }

  /** Tells the coordinator and the registry if anything is different from what they know. */
  private NodeState tell(NodeState state) {
    List<ProcessInfo> infos = infos(state);
    if (infos.equals(state.reported())) {
      return state;
    }
    environment.coordinator().tell(new NodeEvent.ProcessesChanged(environment.node(), infos));
    return save(state.reported(infos));
  }

  private List<ProcessInfo> infos(NodeState state) {
    Map<HostProcess, Member> all = new LinkedHashMap<>(state.joining());
    state.membership().members().forEach(m -> all.put(m.process(), m));
    return all.values().stream()
        .map(m -> m.info(environment.node(), WorkerState.RUNNING)).toList();
  }

  private NodeState save(NodeState state) {
    RegistryFile.Content content = new RegistryFile.Content(
        state.computationId(), state.generation(), state.membership());
    CompletableFuture.runAsync(() -> {
      try {
        registry.save(state.changes(), content);
      } catch (IOException e) {
        context.getSystem().log().warn("registry: {}", e.getMessage());
      }
    }, blocking);
    return state;
  }

  // ---- the end

  private NodeState sweep(NodeState state, String reason) {
    context.getLog().info("ending {} process(es): {}", state.membership().members().size(), reason);
    context.spawnAnonymous(KillSweep.create(state.computationId(),
        environment.coordinatorPort(), state.membership(), engine,
        settings, proc, context.messageAdapter(KillSweep.Swept.class, s -> new Swept())));
    return state.with(new NodeState.Sweeps(state.sweeps().active() + 1, state.sweeps().held()));
  }

  private NodeState onSwept(NodeState state) {
    NodeState.Sweeps sweeps = state.sweeps();
    if (sweeps.active() > 1) {
      return state.with(new NodeState.Sweeps(sweeps.active() - 1, sweeps.held()));
    }
    NodeState now = state.with(NodeState.Sweeps.NONE);
    for (LocalRequest request : sweeps.held()) {
      now = call(request, now);
    }
    return now;
  }

  private Behavior<Command> onLeave(NodeCommand.Leave order, NodeState state) {
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
        .onMessage(RoundStopped.class, m -> thawing(order, onRoundStopped(m.roundId(), state)))
        .onAnyMessage(m -> ignoreStale("thawing", m))
        .build();
  }

  private Behavior<Command> ending(NodeCommand.Leave order, NodeState state) {
    return order.kill() && !state.membership().isEmpty()
        ? sweeping(sweep(state, order.reason()))
        : answering(state);
  }

  private Behavior<Command> sweeping(NodeState state) {
    return leaving(state, this::sweeping)
        .onMessage(Swept.class, m -> answering(save(state.with(Membership.EMPTY))))
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

  private BehaviorBuilder<Command> leaving(
      NodeState state, Function<NodeState, Behavior<Command>> stay) {
    return BehaviorBuilder.<Command>create()
        .onMessage(CallEnded.class, m -> stay.apply(state.withCalls(state.calls() - 1)))
        .onMessage(Refresh.class, m -> {
          m.replyTo().tell(new Refreshed());
          return Behaviors.same();
        })
        .onMessage(Local.class, m -> {
          m.request().fail("coordinator-unreachable", "the coordinator is ending",
              ErrorTable.remedy("coordinator-unreachable"));
          return Behaviors.same();
        })
        .onSignal(PostStop.class, s -> stopped());
  }

  private Behavior<Command> ignoreStale(String state, Command message) {
    context.getLog().debug("{}: ignored {}", state, message);
    return Behaviors.same();
  }
}
