package org.dmtcp.akka.coordinator;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.javadsl.Behaviors;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Function;
import org.dmtcp.akka.config.ExitCode;
import org.dmtcp.akka.coordinator.Coordinator.Command;
import org.dmtcp.akka.coordinator.Coordinator.EndAwaited;
import org.dmtcp.akka.coordinator.Coordinator.Ending;
import org.dmtcp.akka.coordinator.Coordinator.Overdue;
import org.dmtcp.akka.coordinator.Coordinator.Received;
import org.dmtcp.akka.coordinator.Coordinator.RestartEnded;
import org.dmtcp.akka.coordinator.Coordinator.RoundGone;
import org.dmtcp.akka.coordinator.Coordinator.RoundStopped;
import org.dmtcp.akka.coordinator.CoordinatorCommon.After;
import org.dmtcp.akka.coordinator.CoordinatorCommon.State;
import org.dmtcp.akka.protocol.CoordinatorRequest;
import org.dmtcp.akka.protocol.CoordinatorRequest.BeginRestart;
import org.dmtcp.akka.protocol.Failure;
import org.dmtcp.akka.protocol.ProcessInfo;
import org.dmtcp.akka.protocol.WorkerState;

/** The coordinator while a restart gathers its members. */
final class CoordinatorRestart extends CoordinatorState {
  private static final String END_TIMER = "end-of-programs";

  private final CoordinatorCommon common;
  private final CoordinatorClosing closing;
  private final Function<Computation, Behavior<Command>> reopen;

  /** @param reopen the state after the restart */
  CoordinatorRestart(
      Tools tools,
      CoordinatorCommon common,
      CoordinatorClosing closing,
      Function<Computation, Behavior<Command>> reopen) {
    super(tools);
    this.common = common;
    this.closing = closing;
    this.reopen = reopen;
  }

  /** @param cancelled it is about to end */
  private record Restart(String id, ActorRef<RestartRound.Command> actor, boolean cancelled) {}

  /**
   * In the state open. Who has just ended the programs need not look for their end: until they
   * have gone, or a limit has passed, the request waits.
   */
  Behavior<Command> onBeginRestart(Received message, Computation now) {
    if (now.peers() == 0 || stash.isFull()) {
      return begin((BeginRestart) message.message(), now);
    }
    if (!timers.isTimerActive(END_TIMER)) {
      timers.startSingleTimer(END_TIMER, new EndAwaited(),
          now.ending() ? settings.closeLimit() : settings.endNoticed());
    }
    return hold(message);
  }

  /** @return empty: nobody waits for the end of the programs, or they have not ended */
  Optional<Behavior<Command>> afterTheirEnd(Computation now, Behavior<Command> open) {
    if (now.peers() > 0 || stash.isEmpty()) {
      return Optional.empty();
    }
    timers.cancel(END_TIMER);
    return Optional.of(stash.unstashAll(open));
  }

  /** The programs are still there: who waited is told. */
  Behavior<Command> onEndAwaited(Behavior<Command> open) {
    return stash.unstash(open, stash.size(),
        m -> new Overdue((BeginRestart) ((Received) m).message()));
  }

  Behavior<Command> begin(BeginRestart request, Computation now) {
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
    plugins.tell(new PluginService.Forget());
    Computation then = now.restarted(request.computationId(), request.generation());
    then = request.interval().isNegative() ? then : then.withInterval(request.interval());
    welcomeAll(then);
    return restarting(then, new Restart(restartId, actor, false));
  }

  private State stateOf(Restart restart) {
    return new State(
        "restart",
        next -> restarting(next, restart),
        node -> restart.actor().tell(new RestartRound.NodeLost(node)),
        node -> restart.actor().tell(new RestartRound.NodeLost(node)),
        event -> {},
        Optional.of((now, after) -> cancelRestart(now, restart, after)));
  }

  private Behavior<Command> cancelRestart(Computation now, Restart restart, After after) {
    restart.actor().tell(
        new RestartRound.Cancel(new Failure("restart-cancelled", "cancelled on request")));
    return after
        .ending()
        .map(end -> closing.enter(now, after.kill(), end))
        .orElseGet(() -> restarting(now, new Restart(restart.id(), restart.actor(), true)));
  }

  private Behavior<Command> restarting(Computation now, Restart restart) {
    return common.handlers(now, stateOf(restart))
        .onMessage(
            Received.class,
            m -> restart.cancelled() && m.message() instanceof BeginRestart && !stash.isFull(),
            this::hold) // of the next one, which must not join this one
        .onMessage(Received.class, m -> m.message() instanceof CoordinatorRequest,
            m -> onRestartRequest((CoordinatorRequest) m.message(), now, restart.actor()))
        .onMessage(
            RestartEnded.class,
            m -> m.outcome().restartId().equals(restart.id()),
            m -> onRestartEnded(m.outcome(), now, restart))
        .onMessage(
            RoundStopped.class, m -> m.id().equals(restart.id()), m -> afterItsOutcome(m.id()))
        .onMessage(
            RoundGone.class,
            m -> m.id().equals(restart.id()),
            m -> onRestartEnded(
                new RestartRound.Cancelled(
                    restart.id(),
                    new Failure("internal", "the restart failed; see the log")),
                now, restart))
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
    } else if (request instanceof CoordinatorRequest.PublishNames r) {
      restart.tell(new RestartRound.Names(new NameService.Publish(r)));
    } else if (request instanceof CoordinatorRequest.ResolveNames r) {
      restart.tell(new RestartRound.Names(new NameService.Resolve(r)));
    } else if (request instanceof CoordinatorRequest.Force r) {
      restart.tell(new RestartRound.Force(r.replyTo()));
    } else {
      return refuse(request, "not-running", "computation " + now.id() + " is being restarted");
    }
    return Behaviors.same();
  }

  private Behavior<Command> onRestartEnded(
      RestartRound.Outcome outcome, Computation now, Restart restart) {
    if (outcome instanceof RestartRound.Went went) {
      notes.note("Restarted generation " + now.generation() + " of " + now.id() + ": "
          + went.processes().size() + " process(es)"
          + (went.missing() > 0 ? ", without " + went.missing() + " missing" : ""));
      plugins.tell(new PluginService.Write(now.id()));
      Computation then = now;
      for (ProcessInfo process : went.processes()) {
        then = then.withProcess(process.withState(WorkerState.RUNNING));
      }
      if (restart.cancelled()) { // it went while it was killed: those who asked were told so
        common.kill(then);
        then = toldToEnd(then);
      }
      return reopen.apply(then);
    }
    Failure failure = ((RestartRound.Cancelled) outcome).failure();
    notes.note("Restart failed: " + failure);
    Computation then = now.founded("", 0);
    if (settings.exitOnLast()) {
      return closing.enter(then, false, new Ending(ExitCode.DONE, "the restart failed"));
    }
    startStaleTimer();
    return reopen.apply(then);
  }
}
