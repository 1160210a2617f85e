package org.dmtcp.akka.coordinator;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.DispatcherSelector;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.TimerScheduler;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import java.util.function.Function;
import org.dmtcp.akka.protocol.Failure;
import org.dmtcp.akka.protocol.NodeCommand;
import org.dmtcp.akka.protocol.NodeEvent;
import org.dmtcp.akka.protocol.NodeEvent.PhaseReached;
import org.dmtcp.akka.protocol.Phase;
import org.dmtcp.akka.protocol.RoundPlan;

/**
 * One checkpoint. Answers {@code replyTo} exactly once, then stops.
 *
 * <pre>
 * looking -> passing (PREPARE, FREEZE, ... in the order of the plan; COMMIT stages the manifest)
 *    |          |         |
 *    |          |         +-> committing -> settling -> scripting -> [exiting] -> Committed
 *    +----------+-> aborting -> Aborted     (failed phase, limit, lost node, Cancel)
 * </pre>
 *
 * The rename in {@code committing} is the point of no return: before it every failure lets all
 * programs run on and leaves the previous generation; after it failures are warnings.
 */
public final class CheckpointRound {
  public sealed interface Command {}

  /** Off, if the generation is not committed yet. */
  public record Cancel(Failure reason) implements Command {}

  private record Looked(Optional<Manifest> previous) implements Command {}

  private record Reported(NodeEvent event) implements Command {}

  private record NodeLost(String node) implements Command {}

  private record TimedOut() implements Command {}

  private record Staged() implements Command {}

  private record ManifestNamed(String warning) implements Command {}

  private record ScriptWritten(Path script) implements Command {}

  private record StoreFailed(Failure failure) implements Command {}

  private record Discarded() implements Command {}

  /** What comes of a round. It names the round: it may come when the next one has begun. */
  public sealed interface Outcome {
    String roundId();
  }

  /** The generation is the valid one now. {@code script} is empty when it could not be written. */
  public record Committed(
      String roundId,
      Manifest manifest,
      long stoppedMicros,
      Optional<Path> script,
      List<String> warnings)
      implements Outcome {}

  /** Nothing has changed. {@code generation} is the number that was spent. */
  public record Aborted(String roundId, Phase at, long generation, Failure failure)
      implements Outcome {}

  /** Tells the coordinator how far the round is. */
  public record Progressed(String roundId, Phase phase) {}

  /**
   * What a round starts from.
   *
   * @param lastGeneration the highest number used so far, 0 for none
   */
  public record Start(
      String roundId,
      String computationId,
      long lastGeneration,
      boolean killAfter,
      boolean copyOnWrite,
      String coordinatorHost,
      int coordinatorPort,
      Duration interval) {}

  /** Our own part of the commit among those that are awaited; no node has an empty name. */
  private static final String SELF = "";

  private static final String TIMER = "phase";

  private final ActorContext<Command> context;
  private final TimerScheduler<Command> timers;
  private final Start start;
  private final Map<String, ActorRef<NodeCommand>> nodes;
  private final RoundLimits limits;
  private final GenerationStore store;
  private final RestartScript script;
  private final ActorRef<Progressed> observer;
  private final ActorRef<Outcome> replyTo;
  private final Executor blocking;
  private final ActorRef<NodeEvent> reports;

  /** @param nodes those with processes, not empty */
  public static Behavior<Command> create(
      Start start,
      Map<String, ActorRef<NodeCommand>> nodes,
      RoundLimits limits,
      GenerationStore store,
      RestartScript script,
      ActorRef<Progressed> observer,
      ActorRef<Outcome> replyTo) {
    return Behaviors.setup(
        context ->
            Behaviors.withTimers(
                timers ->
                    new CheckpointRound(
                            context, timers, start, nodes, limits, store, script, observer, replyTo)
                        .looking()));
  }

  private CheckpointRound(
      ActorContext<Command> context,
      TimerScheduler<Command> timers,
      Start start,
      Map<String, ActorRef<NodeCommand>> nodes,
      RoundLimits limits,
      GenerationStore store,
      RestartScript script,
      ActorRef<Progressed> observer,
      ActorRef<Outcome> replyTo) {
    this.context = context;
    this.timers = timers;
    this.start = start;
    this.nodes = Map.copyOf(nodes);
    this.limits = limits;
    this.store = store;
    this.script = script;
    this.observer = observer;
    this.replyTo = replyTo;
    this.blocking = context.getSystem().dispatchers().lookup(DispatcherSelector.blocking());
    this.reports = context.messageAdapter(NodeEvent.class, Reported::new); // wire, wrapped
    nodes.forEach((name, agent) -> context.watchWith(agent, new NodeLost(name)));
  }

  // ---- looking: what is there already, and can we write at all?

  private Behavior<Command> looking() {
    observer.tell(new Progressed(start.roundId(), Phase.PREPARE));
    timers.startSingleTimer(TIMER, new TimedOut(), limits.of(Phase.PREPARE));
    block(
        () -> {
          store.probe(start.computationId());
          return store.read(start.computationId());
        },
        Looked::new);
    return Behaviors.receive(Command.class)
        .onMessage(
            Looked.class,
            m -> passing(plan(m.previous()), m.previous(), 0, RoundProgress.none()))
        .onMessage(StoreFailed.class, m -> abortedEarly(m.failure()))
        .onMessage(
            TimedOut.class,
            m -> abortedEarly(new Failure("phase-timeout",
                "no answer from the file system of " + store.directory())))
        .onMessage(NodeLost.class, m -> abortedEarly(lost(m.node())))
        .onMessage(Cancel.class, m -> abortedEarly(m.reason()))
        .onAnyMessage(m -> ignoreStale("looking", m))
        .build();
  }

  private RoundPlan plan(Optional<Manifest> previous) {
    long used = Math.max(start.lastGeneration(), previous.map(Manifest::generation).orElse(0L));
    return new RoundPlan(
        start.roundId(),
        start.computationId(),
        used + 1,
        UUID.randomUUID().toString().replace("-", ""),
        start.killAfter(),
        start.copyOnWrite());
  }

  /** No node knows of the round yet. */
  private Behavior<Command> abortedEarly(Failure failure) {
    replyTo.tell(
        new Aborted(start.roundId(), Phase.PREPARE, start.lastGeneration(), failure));
    return Behaviors.stopped();
  }

  // ---- passing: one phase after the other

  /** @param index of the phase in the plan */
  private Behavior<Command> passing(
      RoundPlan plan, Optional<Manifest> previous, int index, RoundProgress progress) {
    Phase phase = plan.phases().get(index);
    timers.startSingleTimer(TIMER, new TimedOut(), limits.of(phase)); // replaces the last
    observer.tell(new Progressed(start.roundId(), phase));
    Pass pass = new Pass(plan, previous, index);
    Set<String> missing = new HashSet<>(nodes.keySet());
    if (phase == Phase.PREPARE) {
      tellAll(new NodeCommand.BeginRound(plan, limits.forNode(phase), reports));
    } else if (phase == Phase.COMMIT) {
      Manifest manifest = manifest(pass, progress);
      missing.add(SELF);
      block(
          () -> {
            store.stage(manifest);
            return manifest;
          },
          m -> new Staged());
      tellAll(
          new NodeCommand.StageManifest(
              plan.roundId(), manifest.toJson(), limits.forNode(phase)));
      return awaiting(pass, missing, progress, Optional.of(manifest));
    } else {
      tellAll(
          new NodeCommand.EnterPhase(
              plan.roundId(), phase, progress.total(), limits.forNode(phase)));
    }
    return awaiting(pass, missing, progress, Optional.empty());
  }

  /** Where in the plan we are. */
  private record Pass(RoundPlan plan, Optional<Manifest> previous, int index) {
    Phase phase() {
      return plan.phases().get(index);
    }
  }

  /**
   * @param missing nodes, and perhaps ourselves, still to report; never empty
   * @param manifest what is being staged, in the last phase
   */
  private Behavior<Command> awaiting(
      Pass pass, Set<String> missing, RoundProgress progress, Optional<Manifest> manifest) {
    return Behaviors.receive(Command.class)
        .onMessage(
            Reported.class,
            m -> reaches(m.event(), pass),
            m -> onReached(pass, m.event().node(), missing,
                progress.with((PhaseReached) m.event()), manifest))
        .onMessage(
            Staged.class,
            m -> manifest.isPresent(),
            m -> onReached(pass, SELF, missing, progress, manifest))
        .onMessage(
            Reported.class,
            m -> m.event() instanceof NodeEvent.PhaseFailed f && isOurs(f.roundId(), pass),
            m -> abort(pass, ((NodeEvent.PhaseFailed) m.event()).failure(), missing, Set.of()))
        .onMessage(StoreFailed.class, m -> abort(pass, m.failure()))
        .onMessage(
            TimedOut.class,
            m -> abort(pass, silent(pass.phase(), missing), missing, Set.of()))
        .onMessage(NodeLost.class, m -> abort(pass, lost(m.node()), missing, Set.of(m.node())))
        .onMessage(Cancel.class, m -> abort(pass, m.reason(), missing, Set.of()))
        .onAnyMessage(m -> ignoreStale(pass.phase().name(), m))
        .build();
  }

  private static boolean isOurs(String roundId, Pass pass) {
    return roundId.equals(pass.plan().roundId());
  }

  private static boolean reaches(NodeEvent event, Pass pass) {
    return event instanceof PhaseReached r
        && isOurs(r.roundId(), pass)
        && r.phase() == pass.phase();
  }

  private Behavior<Command> onReached(
      Pass pass,
      String who,
      Set<String> missing,
      RoundProgress progress,
      Optional<Manifest> manifest) {
    Set<String> stillMissing = without(missing, who);
    if (!stillMissing.isEmpty()) {
      return awaiting(pass, stillMissing, progress, manifest);
    }
    if (pass.phase() == Phase.COMMIT) {
      return committing(pass, manifest.orElseThrow(), progress);
    }
    if (pass.phase() == Phase.FREEZE && progress.total() == 0) {
      return abort(pass, new Failure("not-running", "no process of the computation is left"));
    }
    if (pass.phase() == Phase.WRITE && !progress.isComplete()) {
      return abort(
          pass,
          new Failure(
              "internal",
              progress.allImages().size() + " images were written for " + progress.total()
                  + " processes"));
    }
    return passing(pass.plan(), pass.previous(), pass.index() + 1, progress);
  }

  private Manifest manifest(Pass pass, RoundProgress progress) {
    return new Manifest(
        start.computationId(),
        pass.plan().generation(),
        pass.plan().manifestId(),
        pass.previous().map(Manifest::generation).orElse(0L),
        pass.previous().map(Manifest::manifestId).orElse(""),
        Instant.now(),
        start.coordinatorHost(),
        start.coordinatorPort(),
        start.interval().toSeconds(),
        progress.allImages());
  }

  // ---- committing: the rename

  private Behavior<Command> committing(Pass pass, Manifest manifest, RoundProgress progress) {
    timers.startSingleTimer(TIMER, new TimedOut(), limits.of(Phase.COMMIT));
    block(() -> store.commit(manifest), ManifestNamed::new);
    return awaitingName(pass, manifest, progress, Set.of());
  }

  /** @param gone nodes that were lost meanwhile: too late to abort for it */
  private Behavior<Command> awaitingName(
      Pass pass, Manifest manifest, RoundProgress progress, Set<String> gone) {
    return Behaviors.receive(Command.class)
        .onMessage(
            ManifestNamed.class,
            m -> settling(
                new Done(pass.plan(), manifest, progress.stoppedMicros(), warning(m.warning())),
                gone))
        .onMessage(StoreFailed.class, m -> abort(pass, m.failure(), Set.of(), gone))
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
    RoundPlan plan = done.plan();
    tellAll(
        new NodeCommand.CommitRound(
            plan.roundId(), plan.computationId(), plan.generation(), plan.manifestId()));
    Done then = done;
    Set<String> missing = new HashSet<>(nodes.keySet());
    for (String node : gone) {
      missing.remove(node);
      then = then.with(lostBeforeRenaming(node));
    }
    return awaitingNames(then, missing);
  }

  private static String lostBeforeRenaming(String node) {
    return node + " was lost before it renamed its images";
  }

  private Behavior<Command> awaitingNames(Done done, Set<String> missing) {
    if (missing.isEmpty()) {
      return scripting(done);
    }
    return Behaviors.receive(Command.class)
        .onMessage(
            Reported.class,
            m -> m.event() instanceof NodeEvent.RoundCommitted c
                && c.roundId().equals(done.plan().roundId()),
            m -> awaitingNames(done, without(missing, m.event().node())))
        .onMessage(
            NodeLost.class,
            m -> missing.contains(m.node()),
            m -> awaitingNames(
                done.with(lostBeforeRenaming(m.node())), without(missing, m.node())))
        .onMessage(
            TimedOut.class,
            m -> scripting(
                done.with(
                    "no word that the images have their names on " + silentOnes(missing))))
        .onAnyMessage(m -> ignoreStale("settling", m))
        .build();
  }

  private Behavior<Command> scripting(Done done) {
    timers.startSingleTimer(TIMER, new TimedOut(), limits.settle());
    block(
        () -> store.writeScript(done.manifest(), script.text(done.manifest())),
        ScriptWritten::new);
    return Behaviors.receive(Command.class)
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
    observer.tell(new Progressed(start.roundId(), Phase.RESUME));
    tellAll(
        new NodeCommand.EnterPhase(
            done.plan().roundId(),
            Phase.RESUME,
            done.manifest().images().size(),
            limits.forNode(Phase.RESUME)));
    return exiting(done, written, nodes.keySet());
  }

  private Behavior<Command> exiting(Done done, Optional<Path> written, Set<String> missing) {
    if (missing.isEmpty()) {
      return committed(done, written);
    }
    return Behaviors.receive(Command.class)
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
            m -> m.event() instanceof NodeEvent.PhaseFailed f
                && f.roundId().equals(done.plan().roundId()),
            m -> exiting(
                done.with(m.event().node() + ": " + ((NodeEvent.PhaseFailed) m.event()).failure()),
                written, without(missing, m.event().node())))
        .onMessage(NodeLost.class, m -> exiting(done, written, without(missing, m.node())))
        .onMessage(
            TimedOut.class,
            m -> committed(
                done.with(
                    "no word that the processes have ended on " + silentOnes(missing)),
                written))
        .onAnyMessage(m -> ignoreStale("exiting", m))
        .build();
  }

  private Behavior<Command> committed(Done done, Optional<Path> written) {
    replyTo.tell(
        new Committed(
            start.roundId(), done.manifest(), done.stoppedMicros(), written, done.warnings()));
    return Behaviors.stopped();
  }

  // ---- aborting

  private Behavior<Command> abort(Pass pass, Failure failure) {
    return abort(pass, failure, Set.of(), Set.of());
  }

  /**
   * @param unreported who has not reported in this phase; ourselves: a manifest is being written
   * @param gone nodes that will not answer any more
   */
  private Behavior<Command> abort(
      Pass pass, Failure failure, Set<String> unreported, Set<String> gone) {
    context.getLog().info("round {} aborts at {}: {}", start.roundId(), pass.phase(), failure);
    timers.startSingleTimer(TIMER, new TimedOut(), limits.abort());
    tellAll(new NodeCommand.AbortRound(pass.plan().roundId(), failure, reports));
    if (!unreported.contains(SELF)) {
      discard(); // else when it has been written
    }
    Set<String> missing = new HashSet<>(nodes.keySet());
    missing.removeAll(gone);
    missing.add(SELF);
    return aborting(pass, failure, missing);
  }

  private Behavior<Command> aborting(Pass pass, Failure failure, Set<String> missing) {
    if (missing.isEmpty()) {
      return aborted(pass, failure);
    }
    return Behaviors.receive(Command.class)
        .onMessage(
            Reported.class,
            m -> m.event() instanceof NodeEvent.RoundAborted a && isOurs(a.roundId(), pass),
            m -> aborting(pass, failure, without(missing, m.event().node())))
        .onMessage(NodeLost.class, m -> aborting(pass, failure, without(missing, m.node())))
        .onMessage(Staged.class, m -> discard())
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

  private Behavior<Command> discard() {
    block(
        () -> {
          store.discard(start.computationId());
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

  // ---- small helpers

  private void tellAll(NodeCommand command) {
    nodes.values().forEach(node -> node.tell(command));
  }

  /** Runs what may block on its own threads; the answer, or the failure, comes as a message. */
  private <T> void block(Callable<T> work, Function<T, Command> answer) {
    CompletableFuture<T> result =
        CompletableFuture.supplyAsync(
            () -> {
              try {
                return work.call();
              } catch (Exception e) {
                throw new CompletionException(e);
              }
            },
            blocking);
    context.pipeToSelf(
        result,
        (value, e) ->
            e == null ? answer.apply(value) : new StoreFailed(FileFailures.of(e, store)));
  }

  private static List<String> warning(String text) {
    return text.isEmpty() ? List.of() : List.of(text);
  }

  private static Failure silent(Phase phase, Set<String> missing) {
    return new Failure("phase-timeout", "no answer at " + phase + " from " + silentOnes(missing));
  }

  private static String silentOnes(Set<String> missing) {
    Set<String> names = new TreeSet<>(missing);
    if (names.remove(SELF)) {
      names.add("the coordinator's own file system");
    }
    return String.join(", ", names);
  }

  private static Failure lost(String node) {
    return new Failure("node-lost", "host " + node + " was lost");
  }

  private static Set<String> with(Set<String> names, String name) {
    Set<String> more = new HashSet<>(names);
    more.add(name);
    return more;
  }

  private static Set<String> without(Set<String> names, String name) {
    Set<String> rest = new HashSet<>(names);
    rest.remove(name);
    return rest;
  }

  private Behavior<Command> ignoreStale(String state, Command message) {
    context.getLog().debug("round {}, {}: ignored {}", start.roundId(), state, message);
    return Behaviors.same();
  }
}
