package org.dmtcp.akka.agent.node;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.PostStop;
import akka.actor.typed.SupervisorStrategy;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.StashBuffer;
import akka.actor.typed.javadsl.TimerScheduler;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import org.dmtcp.akka.agent.engine.EngineAnswer;
import org.dmtcp.akka.agent.engine.EngineChannel;
import org.dmtcp.akka.agent.engine.EngineCodec;
import org.dmtcp.akka.agent.engine.EngineDriver;
import org.dmtcp.akka.agent.engine.EngineEvent;
import org.dmtcp.akka.agent.engine.EngineRequest;
import org.dmtcp.akka.agent.engine.HostProcess;
import org.dmtcp.akka.agent.local.LocalRequest;
import org.dmtcp.akka.agent.local.LocalSocketServer;
import org.dmtcp.akka.protocol.CoordinatorReply;
import org.dmtcp.akka.protocol.NodeCommand;
import org.dmtcp.akka.protocol.NodeEnvironment;
import org.dmtcp.akka.protocol.NodeEvent;
import org.dmtcp.akka.protocol.Phase;
import org.dmtcp.akka.protocol.Receiving;
import org.dmtcp.akka.protocol.WorkerState;

/**
 * The processes of the computation on one host: knows them, watches them, takes them through
 * rounds, ends them, and serves the commands of the host.
 * <pre>
 * adopting -> serving -> (Leave) -> thawing -> sweeping -> answering -> stops
 * </pre>
 */
public final class NodeAgent extends NodeAgentPart {
  sealed interface Command {}

  record FromCoordinator(NodeCommand command) implements Command {}

  record Local(LocalRequest request) implements Command {}

  /**
   * This one runs, or is about to, under the coordinator's computation.
   *
   * @param replyTo told when a checkpoint would find it
   */
  record Adopt(Member member, ActorRef<Adopted> replyTo) implements Command {}

  record Adopted() {}

  /** One command's restarted processes, which stand still until those of all hosts do. */
  record Built(List<Member> members, List<HostProcess> namespaceInits) implements Command {}

  /**
   * They are let go: all that are built become members at once, also those of other commands. One
   * by one, a report or a round between them would not know of the rest.
   */
  record Released(ActorRef<Adopted> replyTo) implements Command {}

  /** They are not let go. */
  record GivenUp(Built built) implements Command {}

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

  /** The look that was going on when the coordinator asked is over. */
  record LookNow(long question) implements Command {}

  /** Whether that is a member; if it is not yet, the members are looked after. */
  record Ask(HostProcess process, ActorRef<Known> replyTo) implements Command {}

  record Known(HostProcess process, Optional<Member> member, String computationId, long generation) {}

  /** A process with plugins waits at a barrier of all hosts. */
  record Barrier(LocalRequest request, String name, String uniquePid) implements Command {}

  /** The images of a process, and of its children to come, go to this directory. */
  record MoveImages(HostProcess process, String directory) implements Command {}

  record EngineSaid(EngineEvent event) implements Command {}

  record Answered(EngineAnswer answer) implements Command {}

  record RoundFound(NodeRound.Found found) implements Command {}

  record RoundStopped(String roundId) implements Command {}

  record Swept() implements Command {}

  record CallEnded() implements Command {}

  record LeaveNow() implements Command {}

  /** @param changes of the state when the time began */
  private record IdleElapsed(long changes) implements Command {}

  record JoinAgain() implements Command {}

  /** Beside the images of restarted members there is a later generation than theirs. */
  record GenerationsSeen(long last) implements Command {}

  private static final int STASHED = 10_000; // what may come during the first look

  private final NodeMembers members;
  private final NodeRounds rounds;
  private final NodeEnd end;

  /** What an agent works with beside its environment; tests bring their own. */
  record Parts(EngineChannel.Starter engine, ProcFs proc, UniquePids uniquePids) {}

  /** An agent that serves the socket from its first moment on, and fails at once if it cannot. */
  static Behavior<NodeCommand> create(
      NodeEnvironment environment, NodeSettings settings, Parts parts) {
    Behavior<Command> behavior = Behaviors.setup(context ->
        Behaviors.withTimers(timers -> Behaviors.withStash(STASHED, stash -> {
          LocalSocketServer server = serve(environment, settings, context.getSelf());
          return new NodeAgent(tools(context, timers, environment, settings, parts, server))
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

  private static Tools tools(ActorContext<Command> context, TimerScheduler<Command> timers,
      NodeEnvironment environment, NodeSettings settings, Parts parts, LocalSocketServer server) {
    ActorRef<EngineDriver.Command> engine = context.spawn(
        Behaviors.supervise(EngineDriver.create(parts.engine(), settings.engine(),
                context.messageAdapter(EngineEvent.class, EngineSaid::new)))
            .onFailure(SupervisorStrategy.restart()),
        "engine");
    ActorRef<PluginDesk.Command> plugins = context.spawn(
        PluginDesk.create(environment, parts.proc(), context.getSelf()), "plugins");
    return new Tools(context, timers, environment, settings, parts, server, engine, plugins,
        context.messageAdapter(EngineAnswer.class, Answered::new));
  }

  private NodeAgent(Tools tools) {
    super(tools);
    this.members = new NodeMembers(tools);
    this.rounds = new NodeRounds(tools, members);
    this.end = new NodeEnd(tools, members, rounds);
  }

  // ---- beginning: what an earlier agent left

  private Behavior<Command> starting(StashBuffer<Command> stash) {
    NodeState none = NodeState.none();
    startIdleTimer(none);
    try {
      return members.registered().map(c -> adopting(members.scan(adopted(none, c)), stash))
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
    return Receiving.of(Command.class)
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
        ? members.merge(state, state.scan().asked(), EngineCodec.members(answer.body()))
        : state.membership();
    NodeState settled = state.with(new NodeState.Scan(null, false, List.of(), System.nanoTime()));
    if (now.isEmpty()) {
      return stash.unstashAll(serving(join(members.save(settled.with(now).ofComputation("", 0)))));
    }
    context.getLog().info("adopted {} process(es) of computation {}",
        now.members().size(), state.computationId());
    now.processes().forEach(members::watch);
    NodeState then = members.save(settled.with(now));
    return stash.unstashAll(serving(join(then.reported(members.infos(then)))));
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
    return Receiving.of(Command.class)
        .onMessage(Local.class, m -> serving(onLocal(m.request(), state)))
        .onMessage(CallEnded.class, m -> serving(state.withCalls(state.calls() - 1)))
        .onMessage(Refresh.class, m -> serving(members.onRefresh(m.replyTo(), state)))
        .onMessage(LookNow.class, m -> serving(members.look(m.question(), state)))
        .onMessage(Enroll.class, m -> serving(members.onEnroll(m, state)))
        .onMessage(Dismiss.class, m -> serving(members.tell(state.notJoining(m.process()))))
        .onMessage(Adopt.class, m -> serving(members.onAdopt(m, state)))
        .onMessage(Built.class, m -> serving(members.onBuilt(m, state)))
        .onMessage(Released.class, m -> serving(members.onReleased(m, state)))
        .onMessage(GivenUp.class, m -> serving(members.onGivenUp(m, state)))
        .onMessage(GenerationsSeen.class, m -> m.last() > state.generation(),
            m -> serving(join(state.ofComputation(state.computationId(), m.last()))))
        .onMessage(Ask.class, m -> serving(members.onAsk(m, state)))
        .onMessage(Barrier.class, m -> serving(call(state,
            setting -> LocalCall.atBarrier(m, setting))))
        .onMessage(MoveImages.class, m -> serving(members.onMoveImages(m, state)))
        .onMessage(FromCoordinator.class, m -> onCommand(m.command(), state))
        .onMessage(EngineSaid.class, m -> serving(members.onEngine(m.event(), state)))
        .onMessage(Answered.class, m -> serving(letIn(members.onAnswer(m.answer(), state))))
        .onMessage(RoundFound.class, m -> serving(rounds.onRoundFound(m.found(), state)))
        .onMessage(RoundStopped.class,
            m -> serving(members.scan(rounds.onRoundStopped(m.roundId(), state))))
        .onMessage(JoinAgain.class, m -> serving(join(state)))
        .onMessage(IdleElapsed.class, m -> onIdle(m.changes(), state))
        .onMessage(Swept.class, m -> serving(members.scan(state.with(state.sweeps().ended()))))
        .onSignal(PostStop.class, s -> stopped())
        .build();
  }

  private Behavior<Command> onIdle(long changes, NodeState state) {
    boolean isIdle = state.membership().isEmpty() && state.joining().isEmpty()
        && state.rounds().isEmpty() && state.calls() == 0 && state.changes() == changes;
    if (isIdle) {
      context.getLog().info("nothing to do for {}", settings.idleLimit());
      return stopped();
    }
    startIdleTimer(state);
    return serving(state);
  }

  private void startIdleTimer(NodeState state) {
    if (!settings.idleLimit().isZero()) {
      timers.startSingleTimer("idle", new IdleElapsed(state.changes()), settings.idleLimit());
    }
  }

  private NodeState onLocal(LocalRequest request, NodeState state) {
    boolean newcomer = request.op().equals("register") || request.op().equals("restart-begin");
    if (newcomer && state.sweeps().holds()) {
      return state.with(state.sweeps().holding(request));
    }
    if (request.op().startsWith("plugin-") && !request.op().equals("plugin-kv")) {
      plugins.tell(new PluginDesk.Local(request));
      return state;
    }
    return call(request, state);
  }

  private NodeState call(LocalRequest request, NodeState state) {
    return call(state, setting -> LocalCall.create(request, setting));
  }

  private NodeState call(NodeState state,
      Function<LocalCall.Setting, Behavior<LocalCall.Command>> behavior) {
    ActorRef<LocalCall.Command> call = context.spawnAnonymous(
        behavior.apply(new LocalCall.Setting(
            environment, settings, proc, uniquePids, context.getSelf())));
    context.watchWith(call, new CallEnded());
    return state.withCalls(state.calls() + 1);
  }

  private Behavior<Command> onCommand(NodeCommand command, NodeState state) {
    if (command instanceof NodeCommand.Welcome m) {
      timers.cancel("join");
      return serving(m.computationId().isEmpty() ? state
          : members.save(state.ofComputation(m.computationId(), m.generation())));
    } else if (command instanceof NodeCommand.BeginRound m) {
      return serving(rounds.onBeginRound(m, members.adoptBuilt(state)));
    } else if (command instanceof NodeCommand.EnterPhase m) {
      rounds.toRound(state, m.roundId(), m.phase(), new NodeRound.Enter(m));
    } else if (command instanceof NodeCommand.EnterStop m) {
      rounds.toRound(state, m.roundId(), Phase.FREEZE, new NodeRound.Stop(m));
    } else if (command instanceof NodeCommand.EndpointsMatched m) {
      rounds.toRound(state, m.roundId(), Phase.MATCH, new NodeRound.Matched(m.ends()));
    } else if (command instanceof NodeCommand.StageManifest m) {
      rounds.toRound(state, m.roundId(), Phase.COMMIT, new NodeRound.Stage(m));
    } else if (command instanceof NodeCommand.CommitRound m) {
      return serving(rounds.onCommitRound(m, state));
    } else if (command instanceof NodeCommand.AbortRound m) {
      return serving(rounds.onAbortRound(m, state));
    } else if (command instanceof NodeCommand.ReportProcesses) {
      return serving(members.scan(state.reported(null)));
    } else if (command instanceof NodeCommand.LookAround m) {
      return serving(members.onLookAround(m.question(), state));
    } else if (command instanceof NodeCommand.KillProcesses m) {
      // Who was let go a moment ago ends, too, even if we have not heard of that yet.
      return serving(end.sweep(members.adoptBuilt(state), m.reason()));
    } else if (command instanceof NodeCommand.Leave m) {
      return end.onLeave(m, state);
    }
    return Behaviors.same();
  }

  /** Those who had to wait, once the look after the last sweep is over. */
  private NodeState letIn(NodeState state) {
    NodeState.Sweeps sweeps = state.sweeps();
    if (sweeps.active() > 0 || !sweeps.looking() || state.scan().asked() != null) {
      return state;
    }
    NodeState now = state.with(NodeState.Sweeps.NONE);
    for (LocalRequest request : sweeps.held()) {
      now = call(request, now);
    }
    return now;
  }
}
