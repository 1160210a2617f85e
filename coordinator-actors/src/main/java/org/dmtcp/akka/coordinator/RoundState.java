package org.dmtcp.akka.coordinator;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.DispatcherSelector;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.TimerScheduler;
import java.time.Duration;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import java.util.function.Function;
import org.dmtcp.akka.coordinator.CheckpointRound.Command;
import org.dmtcp.akka.coordinator.CheckpointRound.Outcome;
import org.dmtcp.akka.coordinator.CheckpointRound.Progressed;
import org.dmtcp.akka.coordinator.CheckpointRound.SayAgain;
import org.dmtcp.akka.coordinator.CheckpointRound.Start;
import org.dmtcp.akka.coordinator.CheckpointRound.StoreFailed;
import org.dmtcp.akka.coordinator.RoundState.Pass;
import org.dmtcp.akka.protocol.Actors;
import org.dmtcp.akka.protocol.Failure;
import org.dmtcp.akka.protocol.NodeCommand;
import org.dmtcp.akka.protocol.NodeEvent;
import org.dmtcp.akka.protocol.Phase;
import org.dmtcp.akka.protocol.RoundPlan;

/** What every state of a {@link CheckpointRound} works with. */
abstract class RoundState {
  /**
   * The same for all states of one round.
   *
   * @param nodes those with processes, not empty
   * @param reports where they report to
   */
  record Tools(
      ActorContext<Command> context,
      TimerScheduler<Command> timers,
      Start start,
      Map<String, ActorRef<NodeCommand>> nodes,
      RoundLimits limits,
      GenerationStore store,
      RestartScript script,
      ActorRef<Progressed> observer,
      ActorRef<Outcome> replyTo,
      ActorRef<NodeEvent> reports) {}

  /** Our own part of the commit among those that are awaited; no node has an empty name. */
  static final String SELF = "";

  static final String TIMER = "phase";

  /** A message may be lost with its connection while the host is not. */
  static final String AGAIN = "again";

  private static final int TELLINGS = 6;

  final ActorContext<Command> context;
  final TimerScheduler<Command> timers;
  final Start start;
  final Map<String, ActorRef<NodeCommand>> nodes;
  final RoundLimits limits;
  final GenerationStore store;
  final RestartScript script;
  final ActorRef<Progressed> observer;
  final ActorRef<Outcome> replyTo;
  final Executor blocking;
  final ActorRef<NodeEvent> reports;

  RoundState(Tools tools) {
    this.context = tools.context();
    this.timers = tools.timers();
    this.start = tools.start();
    this.nodes = tools.nodes();
    this.limits = tools.limits();
    this.store = tools.store();
    this.script = tools.script();
    this.observer = tools.observer();
    this.replyTo = tools.replyTo();
    this.blocking = context.getSystem().dispatchers().lookup(DispatcherSelector.blocking());
    this.reports = tools.reports();
  }

  /** Where in the plan we are. */
  record Pass(RoundPlan plan, Optional<Manifest.Head> previous, int index) {
    Phase phase() {
      return plan.phases().get(index);
    }

    /** One node alone may get further than it was ordered to. */
    Pass at(Phase phase) {
      return new Pass(plan, previous, plan.phases().indexOf(phase));
    }
  }

  static boolean isOurs(String roundId, Pass pass) {
    return roundId.equals(pass.plan().roundId());
  }

  /** @param limit within which it is said several times; until {@link #AGAIN} is cancelled */
  void sayAgain(Duration limit) {
    timers.startTimerWithFixedDelay(AGAIN, new SayAgain(), limit.dividedBy(TELLINGS));
  }

  /** To those nodes that have not answered. */
  Behavior<Command> tellAgain(Set<String> missing, NodeCommand command) {
    missing.stream().filter(node -> !node.equals(SELF)).forEach(n -> nodes.get(n).tell(command));
    return Behaviors.same();
  }

  void tellAll(NodeCommand command) {
    nodes.values().forEach(node -> node.tell(command));
  }

  /** Runs what may block on its own threads; the answer, or the failure, comes as a message. */
  <T> void block(Callable<T> work, Function<T, Command> answer) {
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
    Actors.pipe(
        context, result,
        (value, e) ->
            e == null ? answer.apply(value) : new StoreFailed(FileFailures.of(e, store)));
  }

  static String silentOnes(Set<String> missing) {
    Set<String> names = new TreeSet<>(missing);
    if (names.remove(SELF)) {
      names.add("the coordinator's own file system");
    }
    return String.join(", ", names);
  }

  private static Failure lost(String node) {
    return new Failure("node-lost", "host " + node + " was lost");
  }

  static Set<String> with(Set<String> names, String name) {
    Set<String> more = new HashSet<>(names);
    more.add(name);
    return more;
  }

  /** The same set, which gets shorter: copies would cost the square of the number of nodes. */
  static Set<String> without(Set<String> names, String name) {
    names.remove(name);
    return names;
  }

  Behavior<Command> ignoreStale(String state, Command message) {
    context.getLog().debug("round {}, {}: ignored {}", start.roundId(), state, message);
    return Behaviors.same();
  }
}
