package org.dmtcp.akka.coordinator;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.StashBuffer;
import akka.actor.typed.javadsl.TimerScheduler;
import java.util.Optional;
import org.dmtcp.akka.config.ExitCode;
import org.dmtcp.akka.coordinator.CoordinatorCommon.State;
import org.dmtcp.akka.protocol.CoordinatorMessage;
import org.dmtcp.akka.protocol.CoordinatorReply;
import org.dmtcp.akka.protocol.CoordinatorRequest;
import org.dmtcp.akka.protocol.CoordinatorRequest.BeginRestart;
import org.dmtcp.akka.protocol.CoordinatorRequest.Checkpoint;
import org.dmtcp.akka.protocol.CoordinatorRequest.Register;
import org.dmtcp.akka.protocol.NodeCommand;
import org.dmtcp.akka.protocol.NodeEvent.NodeJoined;
import org.dmtcp.akka.protocol.ProcessInfo;
import org.dmtcp.akka.protocol.Receiving;
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
public final class Coordinator extends CoordinatorState {
  public sealed interface Command {}

  /** Asked from outside: a signal, or the end of the terminal. */
  public record Close(String reason) implements Command {}

  record Received(CoordinatorMessage message) implements Command {}

  // What a round says names it: the last words of one may come when the next has begun. We keep
  // one adapter per class of message, so the name must be in the message. Not private: the tests
  // send these in every order.

  record RoundProgressed(CheckpointRound.Progressed progress) implements Command {}

  record RoundEnded(CheckpointRound.Outcome outcome) implements Command {}

  record RestartEnded(RestartRound.Outcome outcome) implements Command {}

  /** @param id of a checkpoint's or a restart's actor that has stopped */
  record RoundStopped(String id) implements Command {}

  /** Said by ourselves, behind whatever the round said before it stopped. */
  record RoundGone(String id) implements Command {}

  record NodeGone(String node, ActorRef<NodeCommand> agent) implements Command {}

  record IntervalElapsed() implements Command {}

  record RetryElapsed() implements Command {}

  record TimeoutElapsed() implements Command {}

  record StaleElapsed() implements Command {}

  record ClosingTimedOut() implements Command {}

  /** Programs that were told to end had their time. */
  record EndAwaited() implements Command {}

  /** Programs that were told to end, and have not, run on. */
  record EndOverdue() implements Command {}

  /** It has waited for the end of the programs in vain. */
  record Overdue(BeginRestart request) implements Command {}

  /** Who asked for a restart that still waits has lost patience. */
  record AskerGone(ActorRef<CoordinatorReply> asker) implements Command {}

  record StartOwnNode() implements Command {}

  record OwnNodeStopped() implements Command {}

  /** The nodes have looked, or their time is over: it can be answered. */
  record Surveyed(CoordinatorRequest request) implements Command {}

  /** How it ended, and what to say. */
  public record Ending(ExitCode code, String reason) {}

  private static final int STASHED_REGISTRATIONS = 10_000;

  private final CoordinatorClosing closing;
  private final CoordinatorCommon common;
  private final CoordinatorRound round;
  private final CoordinatorRestart restart;

  public static Behavior<Command> create(CoordinatorParts parts) {
    return Behaviors.setup(
        context ->
            Behaviors.withTimers(
                timers ->
                    Behaviors.withStash(
                        STASHED_REGISTRATIONS,
                        stash ->
                            new Coordinator(tools(context, timers, stash, parts)).starting())));
  }

  private static Tools tools(
      ActorContext<Command> context,
      TimerScheduler<Command> timers,
      StashBuffer<Command> stash,
      CoordinatorParts parts) {
    return new Tools(context, timers, stash, parts,
        new GenerationStore(parts.settings().checkpointDir()),
        context.spawn(PluginService.create(parts.settings().plugins()), "plugins"),
        context.spawn(Survey.create(parts.settings().lookLimit(), context.getSelf()), "survey"),
        context.messageAdapter(CoordinatorMessage.class, Received::new));
  }

  private Coordinator(Tools tools) {
    super(tools);
    this.closing = new CoordinatorClosing(tools);
    this.common = new CoordinatorCommon(tools, closing);
    this.round = new CoordinatorRound(tools, common, closing, this::reopen);
    this.restart = new CoordinatorRestart(tools, common, closing, this::reopen);
  }

  // ---- starting: until the node of this JVM is there

  private Behavior<Command> starting() {
    if (!settings.timeout().isZero()) {
      timers.startSingleTimer("timeout", new TimeoutElapsed(), settings.timeout());
    }
    startStaleTimer();
    common.startOwnNode();
    return Receiving.of(Command.class)
        .onMessage(Received.class, m -> m.message() instanceof NodeJoined, m -> {
          parts.ready().complete(self);
          return common.onJoined(
              (NodeJoined) m.message(), Computation.none(settings.interval()), false, node -> {},
              this::open);
        })
        .onMessage(
            OwnNodeStopped.class,
            m -> closing.stop(
                new Ending(ExitCode.FAILED, "the node agent of this host cannot start")))
        .onMessage(TimeoutElapsed.class, m -> closing.stop(timeoutEnding()))
        .onMessage(Close.class, m -> closing.stop(new Ending(ExitCode.DONE, m.reason())))
        .onAnyMessage(m -> ignore("starting", m))
        .build();
  }

  // ---- open: no round; with or without processes

  private Behavior<Command> open(Computation now) {
    return common.handlers(now, new State(
            "", this::openOrOver, node -> {}, node -> {}, event -> {}, Optional.empty()))
        .onMessage(Received.class, m -> m.message() instanceof Register,
            m -> onRegister((Register) m.message(), now))
        .onMessage(Received.class, m -> m.message() instanceof Checkpoint,
            m -> onCheckpoint((Checkpoint) m.message(), now))
        .onMessage(Received.class, m -> m.message() instanceof BeginRestart,
            m -> restart.onBeginRestart(m, now))
        .onMessage(EndAwaited.class, m -> restart.onEndAwaited(open(now)))
        .onMessage(Overdue.class, m -> restart.begin(m.request(), now))
        .onMessage(IntervalElapsed.class, m -> onInterval(now))
        .onMessage(EndOverdue.class, m -> now.ending(), m -> onEndOverdue(now))
        .onMessage(Received.class, m -> m.message() instanceof CoordinatorRequest.Force
                && !now.missing().equals(Missing.NOBODY),
            m -> onForce((CoordinatorRequest.Force) m.message(), now))
        .onMessage(Received.class, m -> m.message() instanceof CoordinatorRequest.RestartReady,
            m -> refuse((CoordinatorRequest) m.message(), "restart-cancelled",
                "it was cancelled before this host was ready"))
        .onMessage(Received.class, m -> m.message() instanceof CoordinatorRequest,
            m -> refuse((CoordinatorRequest) m.message(), "not-running", "no restart is going on"))
        .onAnyMessage(m -> ignore("open", m))
        .build();
  }

  private Behavior<Command> openOrOver(Computation now) {
    return restart.afterTheirEnd(now, open(now)).orElseGet(() -> isOver(now)
        ? closing.enter(now, false, new Ending(ExitCode.DONE, "the last process has ended"))
        : open(now));
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
    then = then.withProcess(process.withState(WorkerState.RUNNING)).withEnd(false);
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

  private Behavior<Command> onCheckpoint(Checkpoint request, Computation now) {
    if (now.peers() == 0) {
      return refuse(request, "not-running", "no process is connected");
    }
    if (now.ending()) {
      return refuse(request, "not-running", "the processes are being ended");
    }
    if (now.missing().isAnybodyLost()) {
      return refuse(request, "host-missing", now.missing().describe());
    }
    if (!request.blocking()) {
      request.replyTo().tell(new CoordinatorReply.CheckpointStarted(now.peers()));
    }
    return round.startRound(now, request.kill(),
        request.blocking() ? Optional.of(request.replyTo()) : Optional.empty());
  }

  /** It goes on without what it has lost. */
  private Behavior<Command> onForce(CoordinatorRequest.Force request, Computation now) {
    request.replyTo().tell(new CoordinatorReply.Accepted(now.peers()));
    return openOrOver(now.with(Missing.NOBODY));
  }

  private Behavior<Command> onInterval(Computation now) {
    if (now.peers() > 0 && !now.ending() && !now.missing().isAnybodyLost()) {
      return round.startRound(now, false, Optional.empty());
    }
    if (now.missing().isAnybodyLost()) {
      notes.note("No checkpoint: " + now.missing().describe());
    }
    if (now.peers() > 0 || now.missing().isAnybodyLost()) {
      startIntervalTimer(now); // also while some end: who is launched meanwhile is not the first
    }
    return open(now);
  }

  /** A host could not end them, or was never told: they can be checkpointed again. */
  private Behavior<Command> onEndOverdue(Computation now) {
    notes.note(now.peers() + " process(es) were told to end and are still there");
    return openOrOver(now.withEnd(false));
  }

  private boolean isOver(Computation now) {
    return settings.exitOnLast() && now.hadProcess() && now.peers() == 0
        && !now.missing().isAnybodyLost();
  }
}
