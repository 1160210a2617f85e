package org.dmtcp.akka.coordinator;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.javadsl.Behaviors;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Function;
import org.dmtcp.akka.coordinator.Coordinator.ClosingTimedOut;
import org.dmtcp.akka.coordinator.Coordinator.Command;
import org.dmtcp.akka.coordinator.Coordinator.Received;
import org.dmtcp.akka.coordinator.Coordinator.RetryElapsed;
import org.dmtcp.akka.coordinator.Coordinator.RoundEnded;
import org.dmtcp.akka.coordinator.Coordinator.RoundGone;
import org.dmtcp.akka.coordinator.Coordinator.RoundProgressed;
import org.dmtcp.akka.coordinator.Coordinator.RoundStopped;
import org.dmtcp.akka.coordinator.CoordinatorCommon.After;
import org.dmtcp.akka.coordinator.CoordinatorCommon.State;
import org.dmtcp.akka.protocol.Actors;
import org.dmtcp.akka.protocol.CoordinatorReply;
import org.dmtcp.akka.protocol.CoordinatorRequest;
import org.dmtcp.akka.protocol.CoordinatorRequest.BeginRestart;
import org.dmtcp.akka.protocol.CoordinatorRequest.Checkpoint;
import org.dmtcp.akka.protocol.CoordinatorRequest.Register;
import org.dmtcp.akka.protocol.Failure;
import org.dmtcp.akka.protocol.Phase;

/** The coordinator while a checkpoint goes on. */
final class CoordinatorRound extends CoordinatorState {
  /**
   * Failures that pass by themselves, and how many times as long as the first that takes: a server
   * accepts its clients, a disk ends its work, a receiver reads, a keeper puts back what it holds.
   */
  private static final Map<String, Integer> PASSING =
      Map.of("socket-not-accepted", 1, "aio-busy", 20, "socket-no-room", 10, "socket-held", 10);

  private final CoordinatorCommon common;
  private final CoordinatorClosing closing;
  private final Function<Computation, Behavior<Command>> reopen;

  /** @param reopen the state after the round */
  CoordinatorRound(
      Tools tools,
      CoordinatorCommon common,
      CoordinatorClosing closing,
      Function<Computation, Behavior<Command>> reopen) {
    super(tools);
    this.common = common;
    this.closing = closing;
    this.reopen = reopen;
  }

  /** What was asked for. It takes several rounds where something passes by itself. */
  private record Wish(boolean kill, Optional<ActorRef<CoordinatorReply>> asker, int retriesLeft) {
    Wish again(int weight) {
      return new Wish(kill, asker, retriesLeft - weight);
    }
  }

  private record Round(
      String id,
      ActorRef<CheckpointRound.Command> actor,
      PhaseProgress progress,
      Wish wish,
      Optional<After> then) {
    Phase phase() {
      return progress.phase();
    }

    Round at(PhaseProgress newProgress) {
      return new Round(id, actor, newProgress, wish, then);
    }

    Round andThen(After after) {
      return new Round(id, actor, progress, wish, Optional.of(after));
    }
  }

  Behavior<Command> startRound(
      Computation now, boolean kill, Optional<ActorRef<CoordinatorReply>> asker) {
    return startRound(now, new Wish(kill, asker, settings.limits().retries()));
  }

  private Behavior<Command> startRound(Computation now, Wish wish) {
    timers.cancel("interval");
    String roundId = UUID.randomUUID().toString();
    CheckpointRound.Start start =
        new CheckpointRound.Start(
            roundId,
            now.id(),
            now.used(),
            ends(wish),
            settings.copyOnWrite(),
            settings.host(),
            settings.port(),
            now.interval(),
            now.missing().takenOver() ? now.nodes().keySet() : Set.of());
    ActorRef<CheckpointRound.Command> actor =
        context.spawn(
            CheckpointRound.create(
                start,
                now.busyAgents(),
                settings.limits(),
                store,
                parts.script(),
                Actors.adapter(context, CheckpointRound.Progressed.class, RoundProgressed::new),
                Actors.adapter(context, CheckpointRound.Outcome.class, RoundEnded::new)),
            "round-" + roundId);
    // Not restarted: half a round has no state to come back to. It stops, and we are told.
    context.watchWith(actor, new RoundStopped(roundId));
    return inRound(now, new Round(
        roundId, actor, PhaseProgress.of(Phase.PREPARE), wish, Optional.empty()));
  }

  /** The programs get on with what stood in the way. */
  private Behavior<Command> resting(Computation now, Wish wish) {
    State state =
        new State(
            Phase.PREPARE.name().toLowerCase(Locale.ROOT),
            next -> resting(next, wish),
            node -> {},
            node -> {},
            event -> {},
            Optional.of((next, after) -> giveUp(next, wish, after)));
    return common.handlers(now, state)
        .onMessage(
            RetryElapsed.class,
            m -> now.peers() > 0,
            m -> startRound(now, wish))
        .onMessage(
            RetryElapsed.class,
            m -> {
              tell(wish, new Failure("not-running", "all programs have ended"));
              return reopen.apply(now);
            })
        .onMessage(Received.class, m -> m.message() instanceof Register, this::later)
        .onMessage(Received.class, m -> m.message() instanceof CoordinatorRequest,
            m -> refuse((CoordinatorRequest) m.message(), "not-running",
                "a checkpoint is going on"))
        .onAnyMessage(m -> ignore("resting", m))
        .build();
  }

  private Behavior<Command> giveUp(Computation now, Wish wish, After after) {
    timers.cancel("retry");
    tell(wish, cancelled(after));
    return doAfter(now, after);
  }

  private static void tell(Wish wish, Failure failure) {
    wish.asker().ifPresent(asker -> asker.tell(new CoordinatorReply.Refused(failure)));
  }

  private static Failure cancelled(After after) {
    return new Failure("round-cancelled",
        after.ending().isPresent() ? "the coordinator ends" : "killed on request");
  }

  /** Do the programs end with the checkpoint? */
  private boolean ends(Wish wish) {
    return wish.kill() || settings.killAfterCheckpoint();
  }

  /** Is a restart not refused but to wait until the programs have ended? */
  private boolean ends(Round round) {
    return ends(round.wish()) || round.then().map(After::kill).orElse(false);
  }

  private State stateOf(Round round) {
    return new State(
        round.phase().name().toLowerCase(Locale.ROOT),
        next -> inRound(next, round),
        node -> {}, // the round watches its nodes itself
        node -> round.actor().tell(new CheckpointRound.NodeLost(node)),
        event -> round.actor().tell(new CheckpointRound.Reported(event)),
        Optional.of((now, after) -> cancelRound(now, round, after)));
  }

  private Behavior<Command> cancelRound(Computation now, Round round, After after) {
    round.actor().tell(new CheckpointRound.Cancel(cancelled(after)));
    if (after.ending().isPresent()) {
      timers.startSingleTimer("closing", new ClosingTimedOut(), settings.closeLimit());
    }
    return inRound(now, round.andThen(after));
  }

  private Behavior<Command> doAfter(Computation now, After after) {
    if (after.ending().isPresent()) {
      return closing.enter(now, after.kill(), after.ending().get());
    }
    common.kill(now);
    return reopen.apply(toldToEnd(now));
  }

  private Behavior<Command> inRound(Computation now, Round round) {
    return common.handlers(now, stateOf(round))
        .onMessage(
            RoundProgressed.class,
            m -> m.progress().roundId().equals(round.id()),
            m -> onProgressed(m.progress(), now, round))
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
        .onMessage(Received.class, m -> m.message() instanceof BeginRestart && ends(round)
                && !stash.isFull(),
            this::hold)
        .onMessage(Received.class, m -> m.message() instanceof CoordinatorRequest.GetProgress,
            m -> answer((CoordinatorRequest) m.message(), round.progress().reply()))
        .onMessage(Received.class, m -> m.message() instanceof CoordinatorRequest,
            m -> refuse((CoordinatorRequest) m.message(), "not-running",
                "a checkpoint is going on (" + round.phase() + ")"))
        .onAnyMessage(m -> ignore("inRound", m))
        .build();
  }

  private Behavior<Command> onProgressed(
      CheckpointRound.Progressed progressed, Computation now, Round round) {
    PhaseProgress then = round.progress().with(progressed);
    if (progressed.written().isPresent()) {
      notes.progress(then.reply());
    }
    return inRound(now, round.at(then));
  }

  /** After the round, if there is room; an answer comes in any case. */
  private Behavior<Command> later(Received message) {
    if (stash.isFull()) {
      return refuse((CoordinatorRequest) message.message(), "not-running",
          "a checkpoint is going on");
    }
    stash.stash(message);
    return Behaviors.same();
  }

  private Behavior<Command> onRoundEnded(
      CheckpointRound.Outcome outcome, Computation now, Round round) {
    Computation then;
    CoordinatorReply reply;
    if (outcome instanceof CheckpointRound.Committed c) {
      Computation saved = now.committed(c.manifest().generation());
      then = ends(round.wish()) ? toldToEnd(saved) : saved;
      plugins.tell(new PluginService.Write(then.id()));
      reply = Replies.done(c);
      Replies.notes(c).forEach(notes::note);
    } else {
      CheckpointRound.Aborted a = (CheckpointRound.Aborted) outcome;
      then = now.failed(a.generation(), a.failure().toString());
      Integer weight = PASSING.get(a.failure().errorId());
      if (weight != null && round.wish().retriesLeft() > 0 && round.then().isEmpty()) {
        timers.startSingleTimer(
            "retry", new RetryElapsed(), settings.limits().retryDelay().multipliedBy(weight));
        return resting(then, round.wish().again(weight));
      }
      reply = new CoordinatorReply.Refused(a.failure());
      notes.note("Checkpoint failed at " + a.at() + ", the programs run on: " + a.failure());
    }
    round.wish().asker().ifPresent(asker -> asker.tell(reply));
    return round.then().map(after -> doAfter(then, after)).orElseGet(() -> reopen.apply(then));
  }
}
