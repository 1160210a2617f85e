package org.dmtcp.akka.agent.node;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.TimerScheduler;
import java.time.Duration;
import java.util.List;
import org.dmtcp.akka.agent.engine.EngineAnswer;
import org.dmtcp.akka.agent.engine.EngineCodec;
import org.dmtcp.akka.agent.engine.EngineDriver;
import org.dmtcp.akka.agent.engine.EngineMember;
import org.dmtcp.akka.agent.engine.EngineRequest;
import org.dmtcp.akka.agent.engine.HostProcess;
import org.dmtcp.akka.protocol.Receiving;

/**
 * Ends all members of a node with exit status 0. Looks again after every blow, because a process
 * may have made another meanwhile; then says so and stops.
 * <pre>
 * looking -> striking -> [pausing] -> looking -> ... -> (nobody left, or the limit) -> Swept
 * </pre>
 */
final class KillSweep {
  sealed interface Command {}

  private record Answered(EngineAnswer answer) implements Command {}

  private record LookAgain() implements Command {}

  private record TimedOut() implements Command {}

  /** All have ended, as far as that is possible. */
  record Swept() {}

  private static final Duration PAUSE = Duration.ofMillis(20);
  private static final int EXIT_STATUS = 0; // DMTCP's, and what scripts around it expect

  private final ActorContext<Command> context;
  private final TimerScheduler<Command> timers;
  private final String computationId;
  private final int coordinatorPort;
  private final Membership membership;
  private final ActorRef<EngineDriver.Command> engine;
  private final NodeSettings settings;
  private final ProcFs proc;
  private final ActorRef<Swept> replyTo;
  private final ActorRef<EngineAnswer> answers;

  static Behavior<Command> create(
      String computationId, int coordinatorPort, Membership membership,
      ActorRef<EngineDriver.Command> engine, NodeSettings settings, ProcFs proc,
      ActorRef<Swept> replyTo) {
    return Behaviors.setup(context -> Behaviors.withTimers(timers -> new KillSweep(context, timers,
        computationId, coordinatorPort, membership, engine, settings, proc, replyTo).starting()));
  }

  private KillSweep(ActorContext<Command> context, TimerScheduler<Command> timers,
      String computationId, int coordinatorPort, Membership membership,
      ActorRef<EngineDriver.Command> engine,
      NodeSettings settings, ProcFs proc, ActorRef<Swept> replyTo) {
    this.context = context;
    this.timers = timers;
    this.computationId = computationId;
    this.coordinatorPort = coordinatorPort;
    this.membership = membership;
    this.engine = engine;
    this.settings = settings;
    this.proc = proc;
    this.replyTo = replyTo;
    this.answers = context.messageAdapter(EngineAnswer.class, Answered::new);
  }

  private Behavior<Command> starting() {
    timers.startSingleTimer("limit", new TimedOut(), settings.killLimit());
    return looking(membership.processes(), List.of());
  }

  /**
   * @param known the members of the last look
   * @param struck those of them that were struck already
   */
  private Behavior<Command> looking(List<HostProcess> known, List<HostProcess> struck) {
    ask(new EngineRequest.Scan(
        computationId, coordinatorPort, known, membership.namespaceInits()));
    return Receiving.of(Command.class)
        .onMessage(Answered.class, m -> m.answer().request() instanceof EngineRequest.Scan,
            m -> m.answer().ok() ? onFound(m.answer(), struck) : pausing(known, struck))
        .onMessage(TimedOut.class, m -> byForce(known))
        .onAnyMessage(m -> ignoreStale("looking", m))
        .build();
  }

  private Behavior<Command> onFound(EngineAnswer answer, List<HostProcess> struck) {
    List<HostProcess> found = EngineCodec.members(answer.body()).stream()
        .filter(m -> !m.zombie()).map(EngineMember::process).toList();
    if (found.isEmpty()) {
      return swept();
    }
    ask(new EngineRequest.Kill(found, EXIT_STATUS));
    return Receiving.of(Command.class)
        .onMessage(Answered.class, m -> m.answer().request() instanceof EngineRequest.Kill,
            m -> m.answer().ok() && !found.equals(struck)
                ? looking(found, found) : pausing(found, found))
        .onMessage(TimedOut.class, m -> byForce(found))
        .onAnyMessage(m -> ignoreStale("striking", m))
        .build();
  }

  /** Somebody takes a moment to die, or the engine is being started again. */
  private Behavior<Command> pausing(List<HostProcess> known, List<HostProcess> struck) {
    timers.startSingleTimer("again", new LookAgain(), PAUSE);
    return Receiving.of(Command.class)
        .onMessage(LookAgain.class, m -> looking(known, struck))
        .onMessage(TimedOut.class, m -> byForce(known))
        .onAnyMessage(m -> ignoreStale("pausing", m))
        .build();
  }

  private void ask(EngineRequest request) {
    engine.tell(new EngineDriver.Submit(request, settings.nativeLimit(), answers));
  }

  /** The engine could not: SIGKILL is all that we can do ourselves. */
  private Behavior<Command> byForce(List<HostProcess> known) {
    context.getLog().warn("kill: the engine did not end {}", known);
    known.stream().filter(proc::lives).forEach(p ->
        ProcessHandle.of(p.realPid()).ifPresent(ProcessHandle::destroyForcibly));
    return swept();
  }

  private Behavior<Command> swept() {
    replyTo.tell(new Swept());
    return Behaviors.stopped();
  }

  private Behavior<Command> ignoreStale(String state, Command message) {
    context.getLog().debug("kill: {}: ignored {}", state, message);
    return Behaviors.same();
  }
}
