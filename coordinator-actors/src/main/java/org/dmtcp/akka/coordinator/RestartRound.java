package org.dmtcp.akka.coordinator;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.DispatcherSelector;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.TimerScheduler;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.Predicate;
import org.dmtcp.akka.protocol.CoordinatorReply;
import org.dmtcp.akka.protocol.CoordinatorReply.Accepted;
import org.dmtcp.akka.protocol.CoordinatorReply.Refused;
import org.dmtcp.akka.protocol.CoordinatorReply.RestartBegun;
import org.dmtcp.akka.protocol.CoordinatorReply.RestartGo;
import org.dmtcp.akka.protocol.CoordinatorReply.RestartWaiting;
import org.dmtcp.akka.protocol.CoordinatorRequest.BeginRestart;
import org.dmtcp.akka.protocol.CoordinatorRequest.RestartReady;
import org.dmtcp.akka.protocol.CoordinatorRequest.RestartWithdrawn;
import org.dmtcp.akka.protocol.Failure;
import org.dmtcp.akka.protocol.ProcessInfo;
import org.dmtcp.akka.protocol.Receiving;
import org.dmtcp.akka.protocol.RestartMember;

/**
 * One restart: waits until every member of a generation is built and stands still, on whatever
 * hosts, and lets them all go at once. Answers {@code replyTo} exactly once, then stops.
 *
 * <pre>
 * gathering -> Went        (all there, or Force)
 *     +------> Cancelled   (limit, all withdrawn, Cancel)
 * </pre>
 */
public final class RestartRound {
  public sealed interface Command {}

  /** A host announces some members. */
  public record Join(BeginRestart request) implements Command {}

  /** Some members are ready. */
  public record Ready(RestartReady request) implements Command {}

  /** Some members have gone before all were ready. */
  public record Withdraw(RestartWithdrawn request) implements Command {}

  /** For the name service of this restart. */
  record Names(NameService.Command command) implements Command {}

  /**
   * Go on without the missing: when all that are announced are ready; said once more, with those
   * that are ready now.
   */
  public record Force(ActorRef<CoordinatorReply> replyTo) implements Command {}

  public record Cancel(Failure reason) implements Command {}

  /** A node agent has gone, and with it the restarting commands that it served. */
  public record NodeLost(String node) implements Command {}

  private record Expected(List<RestartMember> members) implements Command {}

  private record TellWaiting() implements Command {}

  private record TimedOut() implements Command {}

  /** What comes of it. It names the restart: it may come when the next one has begun. */
  public sealed interface Outcome {
    String restartId();
  }

  /** The members run. */
  public record Went(String restartId, List<ProcessInfo> processes, int missing)
      implements Outcome {}

  /** Nothing runs. */
  public record Cancelled(String restartId, Failure failure) implements Outcome {}

  /**
   * What is restarted.
   *
   * @param limit from the first announcement until all are there
   * @param tellEvery how often those who wait are told for whom
   */
  public record Plan(
      String restartId,
      String computationId,
      long generation,
      String manifestId,
      int total,
      Duration limit,
      Duration tellEvery) {
    /** What the first request asks for. */
    static Plan of(String restartId, BeginRestart request, CoordinatorSettings settings) {
      return new Plan(
          restartId,
          request.computationId(),
          request.generation(),
          request.manifestId(),
          request.total(),
          settings.restartLimit(),
          settings.restartTellEvery());
    }

    /** May this request take part? */
    boolean isSame(BeginRestart request) {
      return manifestId.equals(request.manifestId())
          && generation == request.generation()
          && computationId.equals(request.computationId())
          && total == request.total();
    }
  }

  /** A member that stands still, and where to say go. */
  private record Built(ProcessInfo process, ActorRef<CoordinatorReply> asker) {}

  private record Announced(RestartMember member, String node, Optional<Built> ready) {}

  /**
   * What is known so far. It changes in place: a copy for every host of a big computation took
   * seconds.
   */
  private static final class There {
    final Map<String, Announced> members = new LinkedHashMap<>(); // by unique pid
    /** All of the generation, as far as the coordinator has its manifest. */
    List<RestartMember> expected = List.of();
    /** Nobody is awaited who is not announced. */
    boolean forced;
    int ready;

    void put(Announced announced) {
      count(members.put(announced.member().uniquePid(), announced), -1);
      count(announced, 1);
    }

    boolean removeIf(Predicate<Announced> gone) {
      return members.values().removeIf(a -> {
        boolean isGone = gone.test(a);
        count(isGone ? a : null, -1);
        return isGone;
      });
    }

    private void count(Announced announced, int change) {
      if (announced != null && announced.ready().isPresent()) {
        ready += change;
      }
    }

    boolean areAllReady() {
      return !members.isEmpty() && ready == members.size();
    }

    List<ProcessInfo> processes() {
      return members.values().stream()
          .flatMap(a -> a.ready().stream())
          .map(Built::process)
          .toList();
    }

    List<ActorRef<CoordinatorReply>> askers() {
      return members.values().stream()
          .flatMap(a -> a.ready().stream())
          .map(Built::asker)
          .distinct()
          .toList();
    }
  }

  /** Of who is awaited so many are told by name: every host is told, again and again. */
  private static final int NAMED = 100;

  private final ActorContext<Command> context;
  private final TimerScheduler<Command> timers;
  private final Plan plan;
  private final GenerationStore store;
  private final ActorRef<Outcome> replyTo;
  private final ActorRef<NameService.Command> names;

  public static Behavior<Command> create(
      Plan plan, GenerationStore store, ActorRef<Outcome> replyTo) {
    return Behaviors.setup(
        context ->
            Behaviors.withTimers(
                timers -> new RestartRound(context, timers, plan, store, replyTo).begin()));
  }

  private RestartRound(
      ActorContext<Command> context,
      TimerScheduler<Command> timers,
      Plan plan,
      GenerationStore store,
      ActorRef<Outcome> replyTo) {
    this.context = context;
    this.timers = timers;
    this.plan = plan;
    this.store = store;
    this.replyTo = replyTo;
    this.names = context.spawn(NameService.create(), "names");
  }

  private Behavior<Command> begin() {
    timers.startSingleTimer("limit", new TimedOut(), plan.limit());
    timers.startTimerWithFixedDelay("tell", new TellWaiting(), plan.tellEvery());
    Executor blocking = context.getSystem().dispatchers().lookup(DispatcherSelector.blocking());
    context.pipeToSelf(
        CompletableFuture.supplyAsync(this::expected, blocking),
        (members, e) -> new Expected(e == null ? members : List.of()));
    return gathering(new There());
  }

  /** The names of those to wait for; without the manifest only their number is known. */
  private List<RestartMember> expected() {
    try {
      return store
          .read(plan.computationId())
          .filter(manifest -> manifest.manifestId().equals(plan.manifestId()))
          .map(Manifest::images)
          .orElse(List.of())
          .stream()
          .map(i -> new RestartMember(i.uniquePid(), i.virtualPid(), i.program(), i.host()))
          .toList();
    } catch (IOException e) {
      context.getSystem().log().info("no manifest to restart by: {}", e.getMessage());
      return List.of();
    }
  }

  private Behavior<Command> gathering(There there) {
    return Receiving.of(Command.class)
        .onMessage(Join.class, m -> onJoin(m.request(), there))
        .onMessage(Expected.class, m -> {
          there.expected = m.members();
          return Behaviors.same();
        })
        .onMessage(Ready.class, m -> onReady(m.request(), there))
        .onMessage(Withdraw.class, m -> onWithdraw(m.request(), there))
        .onMessage(
            NodeLost.class, m -> onGone(there, a -> a.node().equals(m.node())))
        .onMessage(Names.class, m -> onNames(m.command()))
        .onMessage(Force.class, m -> onForce(m.replyTo(), there))
        .onMessage(TellWaiting.class, m -> tellWaiting(there))
        .onMessage(
            TimedOut.class,
            m -> cancel(there, new Failure("restart-timeout", "still missing after "
                + plan.limit().toSeconds() + " s: " + String.join(", ", missing(there)))))
        .onMessage(Cancel.class, m -> cancel(there, m.reason()))
        .onAnyMessage(m -> ignore(m))
        .build();
  }

  private Behavior<Command> onJoin(BeginRestart request, There there) {
    Optional<String> trouble = trouble(request, there);
    if (trouble.isPresent()) {
      request.replyTo().tell(new Refused(new Failure("image-set-mixed", trouble.get())));
      return Behaviors.same();
    }
    for (RestartMember member : request.members()) {
      there.put(new Announced(member, request.node(), Optional.empty()));
    }
    request.replyTo().tell(new RestartBegun(plan.restartId()));
    return Behaviors.same();
  }

  private Optional<String> trouble(BeginRestart request, There there) {
    if (!plan.isSame(request)) {
      return Optional.of("generation " + plan.generation() + " of computation "
          + plan.computationId() + " is being restarted at this coordinator, these images are of"
          + " generation " + request.generation() + " of " + request.computationId());
    }
    List<String> twice =
        request.members().stream()
            .filter(member -> there.members.containsKey(member.uniquePid()))
            .map(RestartMember::toString)
            .toList();
    return twice.isEmpty()
        ? Optional.empty()
        : Optional.of("already being restarted: " + String.join(", ", twice));
  }

  private Behavior<Command> onReady(RestartReady request, There there) {
    for (ProcessInfo process : request.processes()) {
      if (!there.members.containsKey(process.uniquePid())) {
        request.replyTo().tell(new Refused(new Failure("image-set-mixed",
            process.uniquePid() + " was not announced in this restart")));
        return Behaviors.same();
      }
    }
    for (ProcessInfo process : request.processes()) {
      there.put(
          new Announced(there.members.get(process.uniquePid()).member(), request.node(),
              Optional.of(new Built(process, request.replyTo()))));
    }
    if (there.ready == plan.total() || (there.forced && there.areAllReady())) {
      return go(there);
    }
    timers.startSingleTimer("tell-now", new TellWaiting(), Duration.ofMillis(50));
    return Behaviors.same();
  }

  private Behavior<Command> onWithdraw(RestartWithdrawn request, There there) {
    if (!request.restartId().equals(plan.restartId())) {
      return ignore(new Withdraw(request)); // of one before, whose command ends only now
    }
    request.replyTo().tell(new Accepted(request.uniquePids().size()));
    context.getLog().info("restart: {} gave up: {}", request.node(), request.reason());
    return onGone(
        there,
        a -> a.node().equals(request.node())
            && request.uniquePids().contains(a.member().uniquePid()));
  }

  private Behavior<Command> onGone(
      There there, Predicate<Announced> gone) {
    if (there.removeIf(gone) && there.members.isEmpty()) {
      return cancel(
          there, new Failure("restart-cancelled", "all restarting commands have ended"));
    }
    return there.forced && there.areAllReady() ? go(there) : Behaviors.same();
  }

  private Behavior<Command> onNames(NameService.Command command) {
    names.tell(command);
    return Behaviors.same();
  }

  private Behavior<Command> onForce(
      ActorRef<CoordinatorReply> asker, There there) {
    if (there.members.isEmpty() || (there.forced && there.ready == 0)) {
      asker.tell(new Refused(new Failure("not-running", "no process is ready to be restarted")));
      return Behaviors.same();
    }
    asker.tell(new Accepted(there.ready));
    names.tell(new NameService.GiveUp()); // those who wait for the missing get ready now
    if (there.forced || there.areAllReady()) {
      return go(there);
    }
    there.forced = true;
    return Behaviors.same();
  }

  private Behavior<Command> go(There there) {
    there.members.values().stream()
        .filter(a -> a.ready().isEmpty())
        .forEach(a -> context.getLog().info("restart goes on without {}", a.member()));
    replyTo.tell(
        new Went(plan.restartId(), there.processes(), plan.total() - there.ready));
    // After the coordinator: who knows that it runs may ask for a checkpoint at once.
    there.askers().forEach(asker -> asker.tell(new RestartGo(plan.restartId())));
    return Behaviors.stopped();
  }

  private Behavior<Command> cancel(There there, Failure reason) {
    there.askers().forEach(asker -> asker.tell(new Refused(reason)));
    replyTo.tell(new Cancelled(plan.restartId(), reason));
    return Behaviors.stopped();
  }

  private Behavior<Command> tellWaiting(There there) {
    List<String> missing = missing(there);
    there.askers().forEach(asker -> asker.tell(new RestartWaiting(missing)));
    return Behaviors.same();
  }

  /** In words, as far as they are known by name. */
  private List<String> missing(There there) {
    Map<String, String> names = new TreeMap<>();
    there.expected.forEach(member -> names.put(member.uniquePid(), member.toString()));
    there.members.forEach((uniquePid, a) -> names.put(uniquePid, a.member().toString()));
    there.members.values().stream()
        .filter(a -> a.ready().isPresent())
        .forEach(a -> names.remove(a.member().uniquePid()));
    List<String> missing = new ArrayList<>(names.values().stream().limit(NAMED).toList());
    int more = plan.total() - there.ready - missing.size();
    if (more > 0) {
      missing.add(more + " more" + (names.size() > NAMED ? "" : " of other hosts"));
    }
    return missing;
  }

  private Behavior<Command> ignore(Command message) {
    context.getLog().debug("restart {}: ignored {}", plan.restartId(), message);
    return Behaviors.same();
  }
}
