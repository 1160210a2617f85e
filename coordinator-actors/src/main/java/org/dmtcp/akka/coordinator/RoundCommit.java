package org.dmtcp.akka.coordinator;

import akka.actor.typed.Behavior;
import akka.actor.typed.javadsl.Behaviors;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.dmtcp.akka.coordinator.CheckpointRound.Cancel;
import org.dmtcp.akka.coordinator.CheckpointRound.Command;
import org.dmtcp.akka.coordinator.CheckpointRound.Committed;
import org.dmtcp.akka.coordinator.CheckpointRound.ManifestNamed;
import org.dmtcp.akka.coordinator.CheckpointRound.NodeLost;
import org.dmtcp.akka.coordinator.CheckpointRound.Progressed;
import org.dmtcp.akka.coordinator.CheckpointRound.Reported;
import org.dmtcp.akka.coordinator.CheckpointRound.SayAgain;
import org.dmtcp.akka.coordinator.CheckpointRound.ScriptWritten;
import org.dmtcp.akka.coordinator.CheckpointRound.StoreFailed;
import org.dmtcp.akka.coordinator.CheckpointRound.TimedOut;
import org.dmtcp.akka.coordinator.RoundState.Pass;
import org.dmtcp.akka.protocol.Failure;
import org.dmtcp.akka.protocol.NodeCommand;
import org.dmtcp.akka.protocol.NodeEvent;
import org.dmtcp.akka.protocol.NodeEvent.PhaseFailed;
import org.dmtcp.akka.protocol.NodeEvent.PhaseReached;
import org.dmtcp.akka.protocol.Phase;
import org.dmtcp.akka.protocol.Receiving;
import org.dmtcp.akka.protocol.RoundPlan;

/**
 * The last part of a round: the manifest is renamed, then nothing can fail any more.
 *
 * <pre>
 * committing -> settling -> scripting -> [exiting] -> Committed
 * </pre>
 */
final class RoundCommit extends RoundState {
  private final RoundAbort aborting;

  RoundCommit(Tools tools, RoundAbort aborting) {
    super(tools);
    this.aborting = aborting;
  }

  // ---- committing: the rename

  Behavior<Command> committing(Pass pass, Manifest manifest, RoundProgress progress) {
    timers.startSingleTimer(TIMER, new TimedOut(), limits.of(Phase.COMMIT));
    block(() -> store.commit(manifest), ManifestNamed::new);
    return awaitingName(pass, manifest, progress, Set.of());
  }

  /** @param gone nodes that were lost meanwhile: too late to abort for it */
  private Behavior<Command> awaitingName(
      Pass pass, Manifest manifest, RoundProgress progress, Set<String> gone) {
    return Receiving.of(Command.class)
        .onMessage(
            ManifestNamed.class,
            m -> settling(
                new Done(pass.plan(), manifest, progress.stoppedMicros(), warning(m.warning())),
                gone))
        .onMessage(StoreFailed.class, m -> aborting.abort(pass, m.failure(), Set.of(), gone))
        .onMessage(TimedOut.class, m -> onRenameHangs(pass, manifest, progress, gone))
        .onMessage(
            NodeLost.class, m -> awaitingName(pass, manifest, progress, with(gone, m.node())))
        .onAnyMessage(m -> ignoreStale("committing", m)) // Cancel comes too late
        .build();
  }

  /**
   * A rename that does not come back (a network file system) may still take place: neither commit
   * nor abort may be claimed. We say so and go on waiting; an ordinary round's programs run.
   */
  private Behavior<Command> onRenameHangs(
      Pass pass, Manifest manifest, RoundProgress progress, Set<String> gone) {
    context.getLog().warn("the file system of {} does not answer", store.directory());
    timers.startSingleTimer(TIMER, new TimedOut(), limits.of(Phase.COMMIT));
    return awaitingName(pass, manifest, progress, gone);
  }

  // ---- after the commit

  private record Done(
      RoundPlan plan, Manifest manifest, long stoppedMicros, List<String> warnings) {
    Done with(String warning) {
      List<String> all = new ArrayList<>(warnings);
      all.add(warning);
      return new Done(plan, manifest, stoppedMicros, List.copyOf(all));
    }
  }

  private Behavior<Command> settling(Done done, Set<String> gone) {
    timers.startSingleTimer(TIMER, new TimedOut(), limits.settle());
    sayAgain(limits.settle());
    tellAll(commitOf(done.plan()));
    Done then = done;
    Set<String> missing = new HashSet<>(nodes.keySet());
    for (String node : gone) {
      missing.remove(node);
      then = then.with(lostBeforeRenaming(node));
    }
    return awaitingNames(then, missing, Map.of());
  }

  private static NodeCommand commitOf(RoundPlan plan) {
    return new NodeCommand.CommitRound(
        plan.roundId(), plan.computationId(), plan.generation(), plan.manifestId());
  }

  private static String lostBeforeRenaming(String node) {
    return node + " was lost before it renamed its images";
  }

  /** @param failures the last one of each node that could not rename; it is told again */
  private Behavior<Command> awaitingNames(
      Done done, Set<String> missing, Map<String, Failure> failures) {
    if (missing.isEmpty()) {
      return scripting(done);
    }
    return Receiving.of(Command.class)
        .onMessage(
            Reported.class,
            m -> m.event() instanceof NodeEvent.RoundCommitted c
                && c.roundId().equals(done.plan().roundId()),
            m -> awaitingNames(done, without(missing, m.event().node()), failures))
        .onMessage(
            Reported.class,
            m -> m.event() instanceof PhaseFailed f
                && f.roundId().equals(done.plan().roundId())
                && missing.contains(f.node()),
            m -> awaitingNames(done, missing, with(failures, (PhaseFailed) m.event())))
        .onMessage(
            NodeLost.class,
            m -> missing.contains(m.node()),
            m -> awaitingNames(
                done.with(lostBeforeRenaming(m.node())), without(missing, m.node()), failures))
        .onMessage(SayAgain.class, m -> tellAgain(missing, commitOf(done.plan())))
        .onMessage(TimedOut.class, m -> scripting(withoutNames(done, missing, failures)))
        .onAnyMessage(m -> ignoreStale("settling", m))
        .build();
  }

  private static Map<String, Failure> with(Map<String, Failure> failures, PhaseFailed event) {
    Map<String, Failure> all = new HashMap<>(failures);
    all.put(event.node(), event.failure());
    return all;
  }

  private static Done withoutNames(
      Done done, Set<String> missing, Map<String, Failure> failures) {
    Done then = done;
    Set<String> silent = new TreeSet<>();
    for (String node : new TreeSet<>(missing)) {
      if (failures.containsKey(node)) {
        then = then.with(node + ": the images have no names yet: " + failures.get(node));
      } else {
        silent.add(node);
      }
    }
    return silent.isEmpty() ? then
        : then.with("no word that the images have their names on " + silentOnes(silent));
  }

  private Behavior<Command> scripting(Done done) {
    timers.cancel(AGAIN);
    timers.startSingleTimer(TIMER, new TimedOut(), limits.settle());
    block(
        () -> {
          Path written = store.writeScript(done.manifest(), script.text(done.manifest()));
          store.prune(done.manifest(), start.coordinatorHost());
          return written;
        },
        ScriptWritten::new);
    return Receiving.of(Command.class)
        .onMessage(ScriptWritten.class, m -> scripted(done, Optional.of(m.script())))
        .onMessage(
            StoreFailed.class,
            m -> scripted(done.with("no restart script: " + m.failure()), Optional.empty()))
        .onMessage(
            TimedOut.class,
            m -> scripted(done.with("no restart script: no answer from the file system"),
                Optional.empty()))
        .onAnyMessage(m -> ignoreStale("scripting", m))
        .build();
  }

  private Behavior<Command> scripted(Done done, Optional<Path> written) {
    if (!done.plan().killAfter()) {
      return committed(done, written);
    }
    timers.startSingleTimer(TIMER, new TimedOut(), limits.of(Phase.RESUME));
    sayAgain(limits.of(Phase.RESUME));
    observer.tell(new Progressed(start.roundId(), Phase.RESUME));
    tellAll(exitOf(done));
    return exiting(done, written, new HashSet<>(nodes.keySet()));
  }

  private NodeCommand exitOf(Done done) {
    return new NodeCommand.EnterPhase(
        done.plan().roundId(),
        Phase.RESUME,
        done.manifest().images().size(),
        limits.forNode(Phase.RESUME));
  }

  private Behavior<Command> exiting(Done done, Optional<Path> written, Set<String> missing) {
    if (missing.isEmpty()) {
      return committed(done, written);
    }
    return Receiving.of(Command.class)
        .onMessage(
            Reported.class,
            m -> m.event() instanceof PhaseReached r
                && r.roundId().equals(done.plan().roundId())
                && r.phase() == Phase.RESUME,
            m -> exiting(
                new Done(done.plan(), done.manifest(),
                    Math.max(done.stoppedMicros(), ((PhaseReached) m.event()).stoppedMicros()),
                    done.warnings()),
                written, without(missing, m.event().node())))
        .onMessage(
            Reported.class,
            m -> m.event() instanceof PhaseFailed f
                && f.roundId().equals(done.plan().roundId()),
            m -> exiting(
                exitFailed(done, (PhaseFailed) m.event()), written,
                without(missing, m.event().node())))
        .onMessage(NodeLost.class, m -> exiting(done, written, without(missing, m.node())))
        .onMessage(SayAgain.class, m -> tellAgain(missing, exitOf(done)))
        .onMessage(
            TimedOut.class,
            m -> committed(
                done.with(
                    "no word that the processes have ended on " + silentOnes(missing)),
                written))
        .onAnyMessage(m -> ignoreStale("exiting", m))
        .build();
  }

  /** Who does not know the round any more has done it, and his word was lost. */
  private static Done exitFailed(Done done, PhaseFailed event) {
    return event.failure().errorId().equals("round-unknown")
        ? done : done.with(event.node() + ": " + event.failure());
  }

  private Behavior<Command> committed(Done done, Optional<Path> written) {
    replyTo.tell(
        new Committed(
            start.roundId(), done.manifest(), done.stoppedMicros(), written, done.warnings()));
    return Behaviors.stopped();
  }

  private static List<String> warning(String text) {
    return text.isEmpty() ? List.of() : List.of(text);
  }
}
