package org.dmtcp.akka.coordinator;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.TimerScheduler;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import org.dmtcp.akka.protocol.Actors;
import org.dmtcp.akka.protocol.Failure;
import org.dmtcp.akka.protocol.NodeCommand;
import org.dmtcp.akka.protocol.NodeEvent;
import org.dmtcp.akka.protocol.NodeEvent.EndpointsFound;
import org.dmtcp.akka.protocol.NodeEvent.PhaseReached;
import org.dmtcp.akka.protocol.Phase;
import org.dmtcp.akka.protocol.Receiving;
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
public final class CheckpointRound extends RoundState {
  public sealed interface Command {}

  /** Off, if the generation is not committed yet. */
  public record Cancel(Failure reason) implements Command {}

  /** @param hosts of the generation before, where it matters whether all are here */
  record Looked(Optional<Manifest.Head> previous, List<String> hosts) implements Command {}

  record Reported(NodeEvent event) implements Command {}

  record NodeLost(String node) implements Command {}

  record TimedOut() implements Command {}

  record Staged() implements Command {}

  record ManifestNamed(String warning) implements Command {}

  record ScriptWritten(Path script) implements Command {}

  record SayAgain() implements Command {}

  record StoreFailed(Failure failure) implements Command {}

  record Discarded() implements Command {}

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

  /**
   * Tells the coordinator how far the round is.
   *
   * @param written of one node, while it writes
   */
  public record Progressed(
      String roundId, Phase phase, Optional<NodeEvent.WriteProgress> written) {
    Progressed(String roundId, Phase phase) {
      this(roundId, phase, Optional.empty());
    }
  }

  /**
   * What a round starts from.
   *
   * @param lastGeneration the highest number used so far, 0 for none
   * @param known of a computation that was another coordinator's: hosts that have joined; those of
   *     its last generation must be among them. Empty: there is nothing to compare
   */
  public record Start(
      String roundId,
      String computationId,
      long lastGeneration,
      boolean killAfter,
      boolean copyOnWrite,
      String coordinatorHost,
      int coordinatorPort,
      Duration interval,
      Set<String> known) {}

  private final RoundAbort aborting;
  private final RoundCommit commit;

  /** @param nodes those with processes, not empty */
  public static Behavior<Command> create(
      Start start,
      Map<String, ActorRef<NodeCommand>> nodes,
      RoundLimits limits,
      GenerationStore store,
      RestartScript script,
      ActorRef<Progressed> observer,
      ActorRef<Outcome> replyTo) {
    return Actors.withTimers(
        (context, timers) ->
            new CheckpointRound(tools(
                    context, timers, start, nodes, limits, store, script, observer, replyTo))
                .looking());
  }

  private static Tools tools(
      ActorContext<Command> context,
      TimerScheduler<Command> timers,
      Start start,
      Map<String, ActorRef<NodeCommand>> nodes,
      RoundLimits limits,
      GenerationStore store,
      RestartScript script,
      ActorRef<Progressed> observer,
      ActorRef<Outcome> replyTo) {
    nodes.forEach((name, agent) -> context.watchWith(agent, new NodeLost(name)));
    return new Tools(context, timers, start, Map.copyOf(nodes), limits, store, script, observer,
        replyTo, Actors.adapter(context, NodeEvent.class, Reported::new)); // wire, wrapped
  }

  private CheckpointRound(Tools tools) {
    super(tools);
    this.aborting = new RoundAbort(tools);
    this.commit = new RoundCommit(tools, aborting);
  }

  // ---- looking: what is there already, and can we write at all?

  private Behavior<Command> looking() {
    observer.tell(new Progressed(start.roundId(), Phase.PREPARE));
    timers.startSingleTimer(TIMER, new TimedOut(), limits.of(Phase.PREPARE));
    block(
        () -> {
          store.probe(start.computationId());
          return new Looked(store.head(start.computationId()), hostsBefore());
        },
        looked -> looked);
    return Receiving.of(Command.class)
        .onMessage(
            Looked.class,
            m -> onLooked(m.previous(), m.hosts()))
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

  private List<String> hostsBefore() throws IOException {
    return start.known().isEmpty() ? List.of()
        : store.read(start.computationId()).map(Manifest::hosts).orElse(List.of());
  }

  private Behavior<Command> onLooked(Optional<Manifest.Head> previous, List<String> hosts) {
    Set<String> unseen = new TreeSet<>(hosts);
    unseen.removeAll(start.known());
    if (!unseen.isEmpty()) {
      return abortedEarly(new Failure("host-missing", "hosts of the last checkpoint have not joined"
          + " this coordinator: " + String.join(", ", unseen)));
    }
    return passing(plan(previous), previous, 0, new RoundProgress());
  }

  private RoundPlan plan(Optional<Manifest.Head> previous) {
    long before = previous.map(Manifest.Head::generation).orElse(0L);
    long used = Math.max(start.lastGeneration(), before);
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
      RoundPlan plan, Optional<Manifest.Head> previous, int index, RoundProgress progress) {
    Phase phase = plan.phases().get(index);
    boolean stop = phase == Phase.FREEZE && isAlone(plan, progress);
    timers.startSingleTimer(
        TIMER, new TimedOut(), stop ? limits.ofStop() : limits.of(phase)); // replaces the last
    observer.tell(new Progressed(start.roundId(), phase));
    Pass pass = new Pass(plan, previous, index);
    Set<String> missing = new HashSet<>(nodes.keySet());
    Map<String, NodeCommand> orders = new HashMap<>();
    if (phase == Phase.PREPARE) {
      orderAll(orders, new NodeCommand.BeginRound(plan, limits.forNode(phase), reports));
    } else if (phase == Phase.COMMIT) {
      Manifest manifest = manifest(pass, progress);
      missing.add(SELF);
      block(
          () -> {
            store.stage(manifest);
            return manifest;
          },
          m -> new Staged());
      manifest.besideImages(nodes.keySet()).forEach((node, text) -> orders.put(
          node, new NodeCommand.StageManifest(plan.roundId(), text, limits.forNode(phase))));
      order(nodes.keySet(), orders);
      return awaiting(pass, missing, progress, orders, Optional.of(manifest));
    } else if (stop) {
      orderAll(
          orders,
          new NodeCommand.EnterStop(
              plan.roundId(),
              limits.forNode(Phase.FREEZE),
              limits.forNode(Phase.DRAIN),
              limits.forNode(limits.ofStop())));
    } else {
      orderAll(
          orders,
          new NodeCommand.EnterPhase(
              plan.roundId(),
              phase,
              isOfPlugins(phase) ? progress.allHelpers() : progress.total(),
              limits.forNode(phase)));
    }
    return awaiting(pass, missing, progress, orders, Optional.empty());
  }

  private void orderAll(Map<String, NodeCommand> orders, NodeCommand command) {
    nodes.keySet().forEach(node -> orders.put(node, command));
    order(nodes.keySet(), orders);
  }

  /** Said once more after a while to those who have not answered: either may have been lost. */
  private Behavior<Command> order(Set<String> missing, Map<String, NodeCommand> orders) {
    timers.startSingleTimer(AGAIN, new SayAgain(), limits.again());
    missing.stream().filter(orders::containsKey).forEach(n -> nodes.get(n).tell(orders.get(n)));
    return Behaviors.same();
  }

  /** Nobody has to wait for anybody while the programs stand still. */
  private boolean isAlone(RoundPlan plan, RoundProgress progress) {
    return nodes.size() == 1 && progress.allHelpers() == 0
        && plan.copyOnWrite() && !plan.killAfter();
  }

  /**
   * @param missing nodes, and perhaps ourselves, still to report; never empty; gets shorter
   * @param orders what each node was told
   * @param manifest what is being staged, in the last phase
   */
  private Behavior<Command> awaiting(
      Pass pass,
      Set<String> missing,
      RoundProgress progress,
      Map<String, NodeCommand> orders,
      Optional<Manifest> manifest) {
    return Receiving.of(Command.class)
        .onMessage(
            Reported.class,
            m -> reaches(m.event(), pass, progress),
            m -> {
              PhaseReached report = (PhaseReached) m.event();
              progress.add(report);
              return onReached(
                  pass.at(report.phase()), report.node(), missing, progress, manifest);
            })
        .onMessage(
            Reported.class,
            m -> m.event() instanceof EndpointsFound e && isOurs(e.roundId(), pass),
            m -> {
              progress.add((EndpointsFound) m.event());
              return Behaviors.same();
            })
        .onMessage(
            Reported.class,
            m -> m.event() instanceof NodeEvent.WriteProgress w && isOurs(w.roundId(), pass),
            m -> onWriteProgress(pass, (NodeEvent.WriteProgress) m.event()))
        .onMessage(
            Staged.class,
            m -> manifest.isPresent(),
            m -> onReached(pass, SELF, missing, progress, manifest))
        .onMessage(
            Reported.class,
            m -> m.event() instanceof NodeEvent.PhaseFailed f && isOurs(f.roundId(), pass),
            m -> onFailed(pass, (NodeEvent.PhaseFailed) m.event(), missing))
        .onMessage(StoreFailed.class, m -> aborting.abort(pass, m.failure()))
        .onMessage(
            TimedOut.class,
            m -> aborting.abort(pass, silent(pass.phase(), missing), missing, Set.of()))
        .onMessage(
            NodeLost.class,
            m -> aborting.abort(pass, lost(m.node()), missing, Set.of(m.node())))
        .onMessage(SayAgain.class, m -> order(missing, orders))
        .onMessage(Cancel.class, m -> aborting.abort(pass, m.reason(), missing, Set.of()))
        .onAnyMessage(m -> ignoreStale(pass.phase().name(), m))
        .build();
  }

  private Behavior<Command> onWriteProgress(Pass pass, NodeEvent.WriteProgress written) {
    observer.tell(new Progressed(start.roundId(), pass.phase(), Optional.of(written)));
    return Behaviors.same();
  }

  private Behavior<Command> onFailed(
      Pass pass, NodeEvent.PhaseFailed failed, Set<String> missing) {
    Pass at = pass.phase() == Phase.FREEZE ? pass.at(failed.phase()) : pass;
    return aborting.abort(at, failed.failure(), missing, Set.of());
  }

  private boolean reaches(NodeEvent event, Pass pass, RoundProgress progress) {
    return event instanceof PhaseReached r
        && isOurs(r.roundId(), pass)
        && (r.phase() == pass.phase()
            || r.phase() == Phase.RESUME && pass.phase() == Phase.FREEZE
                && isAlone(pass.plan(), progress));
  }

  private Behavior<Command> onReached(
      Pass pass,
      String who,
      Set<String> missing,
      RoundProgress progress,
      Optional<Manifest> manifest) {
    if (!without(missing, who).isEmpty() || limits.holdsAfter(pass.phase())) {
      return Behaviors.same();
    }
    if (pass.phase() == Phase.COMMIT) {
      return commit.committing(pass, manifest.orElseThrow(), progress);
    }
    if (pass.phase() == Phase.FREEZE && progress.total() == 0) {
      return aborting.abort(
          pass, new Failure("not-running", "no process of the computation is left"));
    }
    if (pass.phase() == Phase.WRITE && !progress.isComplete()) {
      return aborting.abort(
          pass,
          new Failure(
              "internal",
              progress.allImages().size() + " images were written for " + progress.total()
                  + " processes"));
    }
    int next = next(pass, progress);
    if (pass.phase() == Phase.MATCH) {
      tellMatches(progress);
      progress.forgetEndpoints();
    }
    return passing(pass.plan(), pass.previous(), next, progress);
  }

  private static boolean isOfPlugins(Phase phase) {
    return phase == Phase.PRECHECKPOINT || phase == Phase.POSTCHECKPOINT;
  }

  /** The next phase that this round has a need for: one node has nobody to match with. */
  private int next(Pass pass, RoundProgress progress) {
    int index = pass.index() + 1;
    while ((pass.plan().phases().get(index) == Phase.MATCH && nodes.size() == 1)
        || (isOfPlugins(pass.plan().phases().get(index)) && progress.allHelpers() == 0)) {
      index++;
    }
    return index;
  }

  /** Before the next phase: messages to one node keep their order. */
  private void tellMatches(RoundProgress progress) {
    EndpointMatch.of(progress.endpoints())
        .forEach(
            (node, ends) -> {
              for (int i = 0; i < ends.size(); i += EndpointsFound.MAX_ENDPOINTS) {
                int end = Math.min(ends.size(), i + EndpointsFound.MAX_ENDPOINTS);
                nodes.get(node).tell(
                    new NodeCommand.EndpointsMatched(start.roundId(), ends.subList(i, end)));
              }
            });
  }

  private Manifest manifest(Pass pass, RoundProgress progress) {
    return new Manifest(
        start.computationId(),
        pass.plan().generation(),
        pass.plan().manifestId(),
        pass.previous().map(Manifest.Head::generation).orElse(0L),
        pass.previous().map(Manifest.Head::manifestId).orElse(""),
        Instant.now(),
        start.coordinatorHost(),
        start.coordinatorPort(),
        start.interval().toSeconds(),
        progress.allImages());
  }

  private static Failure silent(Phase phase, Set<String> missing) {
    return new Failure("phase-timeout", "no answer at " + phase + " from " + silentOnes(missing));
  }

  private static Failure lost(String node) {
    return new Failure("node-lost", "host " + node + " was lost");
  }
}
