package org.dmtcp.akka.coordinator;

import akka.actor.typed.Behavior;
import akka.actor.typed.javadsl.Behaviors;
import java.util.HashSet;
import java.util.Set;
import org.dmtcp.akka.coordinator.CheckpointRound.Aborted;
import org.dmtcp.akka.coordinator.CheckpointRound.Command;
import org.dmtcp.akka.coordinator.CheckpointRound.Discarded;
import org.dmtcp.akka.coordinator.CheckpointRound.NodeLost;
import org.dmtcp.akka.coordinator.CheckpointRound.Reported;
import org.dmtcp.akka.coordinator.CheckpointRound.SayAgain;
import org.dmtcp.akka.coordinator.CheckpointRound.Staged;
import org.dmtcp.akka.coordinator.CheckpointRound.StoreFailed;
import org.dmtcp.akka.coordinator.CheckpointRound.TimedOut;
import org.dmtcp.akka.coordinator.RoundState.Pass;
import org.dmtcp.akka.protocol.Failure;
import org.dmtcp.akka.protocol.NodeCommand;
import org.dmtcp.akka.protocol.NodeEvent;
import org.dmtcp.akka.protocol.Phase;
import org.dmtcp.akka.protocol.Receiving;

/** A round that has failed: all programs run on, and what it has written goes. */
final class RoundAbort extends RoundState {
  RoundAbort(Tools tools) {
    super(tools);
  }

  Behavior<Command> abort(Pass pass, Failure failure) {
    return abort(pass, failure, Set.of(), Set.of());
  }

  /**
   * @param unreported who has not reported in this phase; ourselves: a manifest is being written
   * @param gone nodes that will not answer any more
   */
  Behavior<Command> abort(
      Pass pass, Failure failure, Set<String> unreported, Set<String> gone) {
    context.getLog().info("round {} aborts at {}: {}", start.roundId(), pass.phase(), failure);
    timers.startSingleTimer(TIMER, new TimedOut(), limits.abort());
    sayAgain(limits.abort()); // else its programs would stand still until the node gives up
    tellAll(abortOf(pass, failure));
    Set<String> missing = new HashSet<>(nodes.keySet());
    missing.removeAll(gone);
    if (pass.phase() == Phase.COMMIT) {
      missing.add(SELF);
      if (!unreported.contains(SELF)) {
        discard(pass); // else when it has been written
      }
    }
    return aborting(pass, failure, missing);
  }

  private NodeCommand abortOf(Pass pass, Failure failure) {
    return new NodeCommand.AbortRound(pass.plan().roundId(), failure, reports);
  }

  private Behavior<Command> aborting(Pass pass, Failure failure, Set<String> missing) {
    if (missing.isEmpty()) {
      return aborted(pass, failure);
    }
    return Receiving.of(Command.class)
        .onMessage(
            Reported.class,
            m -> m.event() instanceof NodeEvent.RoundAborted a && isOurs(a.roundId(), pass),
            m -> aborting(pass, failure, without(missing, m.event().node())))
        .onMessage(NodeLost.class, m -> aborting(pass, failure, without(missing, m.node())))
        .onMessage(SayAgain.class, m -> tellAgain(missing, abortOf(pass, failure)))
        .onMessage(Staged.class, m -> discard(pass))
        .onMessage(StoreFailed.class, m -> aborting(pass, failure, without(missing, SELF)))
        .onMessage(Discarded.class, m -> aborting(pass, failure, without(missing, SELF)))
        .onMessage(
            TimedOut.class,
            m -> aborted(
                pass,
                new Failure(
                    failure.errorId(),
                    failure.text() + "; no word that its programs run on from "
                        + silentOnes(missing))))
        .onAnyMessage(m -> ignoreStale("aborting", m))
        .build();
  }

  private Behavior<Command> discard(Pass pass) {
    block(
        () -> {
          store.discard(start.computationId(), pass.plan().manifestId());
          return SELF;
        },
        done -> new Discarded());
    return Behaviors.same();
  }

  private Behavior<Command> aborted(Pass pass, Failure failure) {
    replyTo.tell(
        new Aborted(start.roundId(), pass.phase(), pass.plan().generation(), failure));
    return Behaviors.stopped();
  }
}
