package org.dmtcp.akka.agent.node;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.TimerScheduler;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.dmtcp.akka.agent.engine.EngineAnswer;
import org.dmtcp.akka.agent.engine.EngineCodec;
import org.dmtcp.akka.agent.engine.EngineDriver;
import org.dmtcp.akka.agent.engine.EngineFailure;
import org.dmtcp.akka.agent.engine.EngineMember;
import org.dmtcp.akka.agent.engine.EngineRefusal;
import org.dmtcp.akka.agent.engine.EngineRequest;
import org.dmtcp.akka.agent.engine.HostProcess;
import org.dmtcp.akka.agent.engine.ImageSummary;
import org.dmtcp.akka.protocol.Actors;
import org.dmtcp.akka.protocol.ConnectionEnd;
import org.dmtcp.akka.protocol.Failure;
import org.dmtcp.akka.protocol.ImageInfo;
import org.dmtcp.akka.protocol.NodeCommand;
import org.dmtcp.akka.protocol.NodeEvent;
import org.dmtcp.akka.protocol.Phase;
import org.dmtcp.akka.protocol.Receiving;
import org.dmtcp.akka.protocol.RoundPlan;
import org.dmtcp.akka.protocol.TcpEndpoint;

/**
 * One checkpoint on one node: takes the processes of the node through the phases that the
 * coordinator's round orders. Whatever fails, the processes run on at once, what was written is
 * removed, and the coordinator is told why.
 * <pre>
 * preparing -> at the barrier -> (freezing, draining, ... as ordered) -> ... -> committed -> stops
 *     +---------------+-----------------------+-----------------> undoing -> stops
 * </pre>
 */
final class NodeRound extends NodeRoundState {
  sealed interface Command {}

  record Enter(NodeCommand.EnterPhase order) implements Command {}

  /** The order to begin has come again. */
  record BegunAlready() implements Command {}

  /** From the freeze to the resume by ourselves. */
  record Stop(NodeCommand.EnterStop order) implements Command {}

  record Stage(NodeCommand.StageManifest order) implements Command {}

  /** A part of what the coordinator knows of the node's endpoints. */
  record Matched(List<ConnectionEnd> ends) implements Command {}

  record Commit() implements Command {}

  record Abort(Failure reason, ActorRef<NodeEvent> replyTo) implements Command {}

  /** Answer to {@link Found}: who takes part, with the names that are theirs. */
  record Named(List<Member> members) implements Command {}

  record Answered(EngineAnswer answer) implements Command {}

  record HooksRun(PluginDesk.Raised raised) implements Command {}

  private record Reported(ProcessAgent.Report report) implements Command {}

  /** @param failure {@code null} when the files are as they should be */
  record FilesDone(String step, List<Path> paths, Failure failure) implements Command {}

  record PhaseTimedOut() implements Command {}

  private record CoordinatorLost() implements Command {}

  /**
   * To the node agent: the engine found these. Answered by {@link Named}.
   *
   * @param zombies who has ended but is not waited for is to be named too: it gets an image
   */
  record Found(List<EngineMember> members, boolean zombies, ActorRef<Command> replyTo) {}

  /**
   * What the round works with.
   *
   * @param roots where the engine starts looking
   */
  record Setting(
      String node,
      int coordinatorPort,
      RoundPlan plan,
      List<HostProcess> roots,
      List<HostProcess> namespaceInits,
      ActorRef<EngineDriver.Command> engine,
      ActorRef<PluginDesk.Command> plugins,
      ActorRef<Found> names,
      ActorRef<NodeEvent> coordinator,
      NodeSettings settings,
      ProcFs proc) {}

  /** Where an order to stop may have brought us. */
  private static final Set<Phase> STOPPED = Set.of(Phase.FREEZE, Phase.RESUME);

  private final NodeUndo undo;
  private final ActorRef<ProcessAgent.Report> reports;

  static Behavior<Command> create(Setting setting, Duration limit) {
    return Actors.withTimers((context, timers) ->
        new NodeRound(tools(context, timers, setting)).preparing(limit));
  }

  private static Tools tools(
      ActorContext<Command> context, TimerScheduler<Command> timers, Setting setting) {
    context.watchWith(setting.coordinator(), new CoordinatorLost());
    return new Tools(context, timers, setting,
        Actors.adapter(context, EngineAnswer.class, Answered::new),
        Actors.adapter(context, PluginDesk.Raised.class, HooksRun::new));
  }

  private NodeRound(Tools tools) {
    super(tools);
    this.undo = new NodeUndo(tools);
    this.reports = Actors.adapter(context, ProcessAgent.Report.class, Reported::new);
  }

  // ---- prepare: members, refusals, directories ----

  private Behavior<Command> preparing(Duration limit) {
    NodeProgress progress = NodeProgress.none();
    if (setting.roots().isEmpty()) {
      return reached(progress, Phase.PREPARE, 0, 0, List.of());
    }
    startTimer(limit);
    EngineRequest scan = new EngineRequest.Scan(plan.computationId(),
        setting.coordinatorPort(), setting.roots(), setting.namespaceInits());
    return ask(progress, Phase.PREPARE, limit, scan, body -> {
      setting.names().tell(new Found(EngineCodec.members(body), false, context.getSelf()));
      return inPhase(progress, Phase.PREPARE)
          .onMessage(Named.class, m -> checking(progress, limit, m.members()))
          .onAnyMessage(m -> ignoreStale("preparing", m))
          .build();
    });
  }

  private Behavior<Command> checking(NodeProgress progress, Duration limit, List<Member> members) {
    EngineRequest check = new EngineRequest.Check(
        members.stream().map(Member::process).toList(), nativeLimit(limit));
    return ask(progress, Phase.PREPARE, limit, check, body -> {
      List<EngineRefusal> refusals = EngineCodec.refusals(body);
      if (!refusals.isEmpty()) {
        EngineFailure first = refusals.get(0).failure();
        String more = refusals.size() == 1 ? "" : " (and " + (refusals.size() - 1) + " more)";
        return failed(progress, Phase.PREPARE, new Failure(first.id(), first.text() + more));
      }
      return withFiles(progress, Phase.PREPARE, "directories", () -> files.prepare(members),
          made -> presuspending(progress.withMade(made, members), limit, members));
    });
  }

  /** The last step of the phase: from here on plugins are to be told how the round ends. */
  private Behavior<Command> presuspending(
      NodeProgress progress, Duration limit, List<Member> members) {
    raise(PluginDesk.Event.PRESUSPEND,
        members.stream().map(Member::process).collect(Collectors.toSet()), 0, true, limit);
    return raising(progress, Phase.PREPARE, r -> reached(
        progress.withHelpers(r.helpers()), Phase.PREPARE, r.helpers().size(), 0, List.of()));
  }

  // ---- hooks of plugins ----

  /** Waits until the hooks have run; what they fail with ends the round. */
  private Behavior<Command> raising(NodeProgress progress, Phase phase,
      Function<PluginDesk.Raised, Behavior<Command>> next) {
    return inPhase(progress, phase)
        .onMessage(HooksRun.class, m -> m.raised().failure() == null
            ? next.apply(m.raised())
            : failed(progress.withHelpers(m.raised().helpers()), phase, m.raised().failure()))
        .onAnyMessage(m -> ignoreStale("raising in " + phase, m))
        .build();
  }

  /** The helpers run, alone in their processes, until all stand still again. */
  private Behavior<Command> precheckpointing(
      NodeProgress progress, NodeCommand.EnterPhase order) {
    Phase phase = order.phase();
    if (progress.helpers().isEmpty()) {
      return reached(progress, phase, progress.agents().size(), 0, List.of());
    }
    EngineRequest release = new EngineRequest.Release(plan.roundId(), progress.helpers());
    EngineRequest hold =
        new EngineRequest.Hold(plan.roundId(), setting.settings().nativeLimit().dividedBy(2));
    return ask(progress, phase, order.limit(), release, released -> {
      raise(PluginDesk.Event.PRECHECKPOINT, Set.of(), order.totalMembers(), true, order.limit());
      return raising(progress, phase, run -> ask(progress, phase, order.limit(), hold, body -> {
        setting.names().tell(new Found(EngineCodec.members(body), true, context.getSelf()));
        return inPhase(progress, phase)
            .onMessage(Named.class, m -> onHeld(progress, m.members()))
            .onAnyMessage(m -> ignoreStale("holding", m))
            .build();
      }));
    });
  }

  /** A hook may have started processes, and ended some. */
  private Behavior<Command> onHeld(NodeProgress progress, List<Member> members) {
    Map<Member, ActorRef<ProcessAgent.Command>> known = new LinkedHashMap<>(progress.agents());
    known.keySet().retainAll(members);
    members.stream().filter(m -> !known.containsKey(m))
        .forEach(m -> known.put(m, agentOf(m, false)));
    return reached(
        progress.withAgents(known), Phase.PRECHECKPOINT, known.size(), 0, List.of());
  }

  private Behavior<Command> postcheckpointing(
      NodeProgress progress, NodeCommand.EnterPhase order) {
    if (progress.helpers().isEmpty()) {
      return reached(progress, order.phase(), progress.agents().size(), 0, List.of());
    }
    EngineRequest release = new EngineRequest.Release(plan.roundId(), progress.helpers());
    return ask(progress, order.phase(), order.limit(), release, released -> {
      raise(PluginDesk.Event.RESUME, Set.of(), order.totalMembers(), true, order.limit());
      return raising(progress, order.phase(), run -> reached(
          progress, order.phase(), progress.agents().size(), 0, List.of()));
    });
  }

  // ---- between the phases ----

  private Behavior<Command> reached(
      NodeProgress progress, Phase phase, int members, long stoppedMicros, List<ImageInfo> images) {
    startTimer(setting.settings().barrierLimit());
    NodeEvent.PhaseReached report = report(phase, members, stoppedMicros, images);
    setting.coordinator().tell(report);
    return atBarrier(progress.reached(phase), report);
  }

  private NodeEvent.PhaseReached report(
      Phase phase, int members, long stoppedMicros, List<ImageInfo> images) {
    return new NodeEvent.PhaseReached(
        setting.node(), plan.roundId(), phase, members, stoppedMicros, images);
  }

  /** @param report the last; said again when its order comes again, it may have been lost */
  private Behavior<Command> atBarrier(NodeProgress progress, NodeEvent.PhaseReached report) {
    return Receiving.of(Command.class)
        .onMessage(Command.class, m -> isDone(m, progress), m -> {
          setting.coordinator().tell(report);
          return Behaviors.same();
        })
        .onMessage(Enter.class, m -> onEnter(progress, m.order()))
        .onMessage(Stop.class, m -> onStop(progress, m))
        .onMessage(Stage.class, m -> staging(progress, m.order()))
        .onMessage(Matched.class, m -> atBarrier(progress.withEnds(m.ends()), report))
        .onMessage(Commit.class, m -> progress.staged(), m -> committing(progress))
        .onMessage(Abort.class, m -> undo.undoing(progress, m.replyTo()))
        .onMessage(PhaseTimedOut.class,
            m -> undo.stranded(progress, "the coordinator orders nothing"))
        .onMessage(CoordinatorLost.class, m -> undo.stranded(progress, "the coordinator is lost"))
        .onAnyMessage(m -> ignoreStale("at the barrier after " + progress.done(), m))
        .build();
  }

  /** Is that the order which the node has carried out last? */
  private static boolean isDone(Command order, NodeProgress progress) {
    return order instanceof BegunAlready && progress.done() == Phase.PREPARE
        || order instanceof Enter e && e.order().phase() == progress.done()
        || order instanceof Stop && STOPPED.contains(progress.done())
        || order instanceof Stage && progress.staged();
  }

  private Behavior<Command> onEnter(NodeProgress progress, NodeCommand.EnterPhase order) {
    if (!plan.follows(progress.done(), order.phase())) {
      return ignoreStale("at the barrier after " + progress.done(), new Enter(order));
    }
    startTimer(order.limit());
    Phase phase = order.phase();
    if (phase == Phase.FREEZE) {
      return freezing(progress, order.limit());
    }
    if (progress.agents().isEmpty()) {
      return reached(progress, phase, 0, 0, List.of());
    }
    return switch (phase) {
      case PRECHECKPOINT -> precheckpointing(progress, order);
      case POSTCHECKPOINT -> postcheckpointing(progress, order);
      case MATCH -> matching(progress, order);
      case DRAIN -> draining(progress, order.limit(), progress.ends());
      case SNAPSHOT -> snapshotting(progress, order);
      case REFILL -> ask(progress, phase, order.limit(), new EngineRequest.Refill(plan.roundId()),
          body -> reached(progress, phase, progress.agents().size(), 0, List.of()));
      case RESUME -> resuming(progress, order.limit());
      case WRITE -> writing(progress, order.limit());
      case PREPARE, FREEZE, COMMIT -> ignoreStale("at the barrier", new Enter(order));
    };
  }

  // ---- the phases ----

  private Behavior<Command> freezing(NodeProgress progress, Duration limit) {
    if (setting.roots().isEmpty()) {
      return reached(progress, Phase.FREEZE, 0, 0, List.of());
    }
    NodeProgress now = progress.withFreezing();
    return ask(now, Phase.FREEZE, limit, freeze(limit), body -> naming(now, body));
  }

  private EngineRequest.Freeze freeze(Duration limit) {
    return new EngineRequest.Freeze(plan.roundId(), plan.computationId(),
        setting.coordinatorPort(), plan.generation(), plan.manifestId(),
        setting.roots(), setting.namespaceInits(), nativeLimit(limit));
  }

  /** @param body names who stands still */
  private Behavior<Command> naming(NodeProgress progress, ObjectNode body) {
    setting.names().tell(new Found(EngineCodec.members(body), true, context.getSelf()));
    return inPhase(progress, Phase.FREEZE)
        .onMessage(Named.class, m -> reached(progress.withAgents(agentsOf(m.members(), false)),
            Phase.FREEZE, m.members().size(), 0, List.of()))
        .onAnyMessage(m -> ignoreStale("freezing", m))
        .build();
  }

  private ActorRef<ProcessAgent.Command> agentOf(Member member, boolean taken) {
    Path image = files.temporary(files.image(member));
    return context.spawn(
        ProcessAgent.create(plan, member, image, taken, setting.engine(), reports),
        "process-" + member.process().realPid());
  }

  private Map<Member, ActorRef<ProcessAgent.Command>> agentsOf(
      List<Member> members, boolean taken) {
    Map<Member, ActorRef<ProcessAgent.Command>> agents = new LinkedHashMap<>();
    members.forEach(member -> agents.put(member, agentOf(member, taken)));
    return agents;
  }

  // ---- from the freeze to the resume in one go ----

  private Behavior<Command> onStop(NodeProgress progress, Stop stop) {
    if (progress.done() != Phase.PREPARE) {
      return ignoreStale("at the barrier after " + progress.done(), stop);
    }
    NodeCommand.EnterStop order = stop.order();
    startTimer(order.limit());
    return progress.known().isEmpty() || !progress.helpers().isEmpty()
        ? freezing(progress, order.freezeLimit()) : stopping(progress, order);
  }

  /** The engine goes on by itself, unless it finds others than we know: then it freezes only. */
  private Behavior<Command> stopping(NodeProgress progress, NodeCommand.EnterStop order) {
    List<Member> members = progress.known();
    NodeProgress now = progress.withFreezing().withTerminals(terminals(members));
    EngineRequest stop = new EngineRequest.Stop(freeze(order.freezeLimit()),
        members.stream().map(m -> new EngineRequest.Stop.Image(m.program(),
            ProcessAgent.snapshot(plan, m, files.temporary(files.image(m)), members.size(),
                order.limit()))).toList(),
        nativeLimit(order.drainLimit()));
    setting.engine().tell(new EngineDriver.Submit(stop, driverLimit(order.freezeLimit()),
        Map.of("drain", driverLimit(order.drainLimit()), "snapshot", driverLimit(order.limit())),
        answers));
    return answered(now, Phase.FREEZE, stop, body -> EngineCodec.hasResumed(body)
        ? resumed(now.withAgents(agentsOf(members, true)), EngineCodec.stopped(body), order.limit())
        : naming(now, body));
  }

  private Map<Member, Boolean> terminals(Collection<Member> members) {
    Map<Member, Boolean> terminals = new HashMap<>();
    members.forEach(m -> terminals.put(m, setting.proc().hasTerminal(m.process().realPid())));
    return terminals;
  }

  private Behavior<Command> resumed(NodeProgress progress, Duration stopped, Duration limit) {
    raise(PluginDesk.Event.RUNNING, Set.of(), 0, true, limit);
    return reached(progress.withHelpers(List.of()), Phase.RESUME, progress.agents().size(),
        stopped.toNanos() / 1000, List.of());
  }

  /** Only where there are other nodes: else whoever is not here is outside. */
  private Behavior<Command> matching(NodeProgress progress, NodeCommand.EnterPhase order) {
    int members = progress.agents().size();
    if (order.totalMembers() == members) {
      return reached(progress, Phase.MATCH, members, 0, List.of());
    }
    return ask(progress, Phase.MATCH, order.limit(), new EngineRequest.Endpoints(plan.roundId()),
        body -> {
          for (List<TcpEndpoint> part
              : parts(EngineCodec.endpoints(body), NodeEvent.EndpointsFound.MAX_ENDPOINTS)) {
            setting.coordinator().tell(
                new NodeEvent.EndpointsFound(setting.node(), plan.roundId(), part));
          }
          return reached(progress, Phase.MATCH, members, 0, List.of());
        });
  }

  /** @param ends of which the engine has not heard yet */
  private Behavior<Command> draining(
      NodeProgress progress, Duration limit, List<ConnectionEnd> ends) {
    if (ends.isEmpty()) {
      return ask(progress, Phase.DRAIN, limit,
          new EngineRequest.Drain(plan.roundId(), nativeLimit(limit)),
          body -> reached(progress, Phase.DRAIN, progress.agents().size(), 0, List.of()));
    }
    int count = Math.min(ends.size(), EngineRequest.Match.MAX_ENDS);
    return ask(progress, Phase.DRAIN, limit,
        new EngineRequest.Match(plan.roundId(), ends.subList(0, count)),
        body -> draining(progress, limit, ends.subList(count, ends.size())));
  }

  private static <T> List<List<T>> parts(List<T> all, int most) {
    List<List<T>> parts = new ArrayList<>();
    for (int i = 0; i < all.size(); i += most) {
      parts.add(all.subList(i, Math.min(all.size(), i + most)));
    }
    return parts;
  }

  private Behavior<Command> snapshotting(NodeProgress progress, NodeCommand.EnterPhase order) {
    progress.agents().values().forEach(a ->
        a.tell(new ProcessAgent.TakeSnapshot(order.totalMembers(), order.limit())));
    NodeProgress now =
        progress.withTerminals(terminals(progress.agents().keySet())); // while the engine works
    return collecting(now, Phase.SNAPSHOT, Map.of(), done ->
        reached(now, Phase.SNAPSHOT, now.agents().size(), 0, List.of()));
  }

  private Behavior<Command> resuming(NodeProgress progress, Duration limit) {
    if (!plan.killAfter()) {
      return ask(progress, Phase.RESUME, limit, new EngineRequest.Resume(plan.roundId()),
          body -> resumed(progress, EngineCodec.stopped(body), limit));
    }
    return ask(progress, Phase.RESUME, limit, new EngineRequest.Exit(plan.roundId()), body -> {
      setting.coordinator().tell(new NodeEvent.PhaseReached(setting.node(), plan.roundId(),
          Phase.RESUME, progress.agents().size(), 0, List.of()));
      return over();
    });
  }

  private Behavior<Command> writing(NodeProgress progress, Duration limit) {
    progress.agents().values().forEach(a -> a.tell(new ProcessAgent.FinishImage(limit)));
    context.spawn(WriteWatch.create(
        setting, List.copyOf(progress.agents().keySet()), driverLimit(limit)), "watch");
    return collecting(progress, Phase.WRITE, Map.of(), done -> {
      List<ImageInfo> images = new ArrayList<>();
      progress.agents().keySet().forEach(m -> images.add(info(progress, m, done.get(m))));
      return reached(progress, Phase.WRITE, images.size(), 0, images);
    });
  }

  private ImageInfo info(NodeProgress progress, Member member, ImageSummary summary) {
    return new ImageInfo(setting.node(), files.image(member).toString(), member.uniquePid(),
        member.virtualPid(), member.virtualParent(), member.program(),
        progress.terminals().get(member), summary.imageBytes(), summary.rawBytes(),
        summary.digest());
  }

  /** @param done members that have reported, with their image in the phase that has one */
  private Behavior<Command> collecting(NodeProgress progress, Phase phase,
      Map<Member, ImageSummary> done, Function<Map<Member, ImageSummary>, Behavior<Command>> next) {
    if (done.size() == progress.agents().size()) {
      return next.apply(done);
    }
    return inPhase(progress, phase)
        .onMessage(Reported.class, m -> {
          if (m.report() instanceof ProcessAgent.Failed failed) {
            return failed(progress, phase, failure(failed.failure()));
          }
          Map<Member, ImageSummary> now = new HashMap<>(done);
          now.put(m.report().member(), m.report() instanceof ProcessAgent.ImageFinished f
              ? f.summary() : null);
          return collecting(progress, phase, now, next);
        })
        .onAnyMessage(m -> ignoreStale("collecting in " + phase, m))
        .build();
  }

  private Behavior<Command> staging(NodeProgress progress, NodeCommand.StageManifest order) {
    startTimer(order.limit());
    List<Path> images = progress.images(files);
    return withFiles(progress, Phase.COMMIT, "manifest",
        () -> files.stage(order.manifest(), images),
        obsolete -> reached(
            progress.withStaged(obsolete), Phase.COMMIT, images.size(), 0, List.of()));
  }

  /** Nothing takes the round back any more: what fails leaves files that the next one settles. */
  private Behavior<Command> committing(NodeProgress progress) {
    startTimer(setting.settings().barrierLimit());
    if (!plan.killAfter()) {
      endAtEngine(); // the next round may come while the files get their names
    }
    List<Path> images = progress.images(files);
    runBlocking("names", () -> {
      files.commit(images, progress.obsolete());
      KeptGenerations.prune(progress.agents().keySet(), plan.computationId(), plan.generation());
      return List.of();
    });
    return Receiving.of(Command.class)
        .onMessage(FilesDone.class, m -> m.step().equals("names"),
            m -> onNamed(progress, m.failure()))
        .onMessage(PhaseTimedOut.class, m -> undo.stranded(progress, "the file system hangs"))
        .onAnyMessage(m -> ignoreStale("committing", m))
        .build();
  }

  private Behavior<Command> onNamed(NodeProgress progress, Failure failure) {
    if (failure != null) {
      setting.coordinator().tell(
          new NodeEvent.PhaseFailed(setting.node(), plan.roundId(), Phase.COMMIT, failure));
      return undo.stranded(progress, failure.toString());
    }
    setting.coordinator().tell(new NodeEvent.RoundCommitted(setting.node(), plan.roundId()));
    return plan.killAfter()
        ? atBarrier(progress, report(Phase.COMMIT, progress.agents().size(), 0, List.of()))
        : Behaviors.stopped();
  }

  // ---- what all phases share ----

  /** Asks the engine and goes on with its answer; a failure ends the round. */
  private Behavior<Command> ask(NodeProgress progress, Phase phase, Duration limit,
      EngineRequest request,
      Function<ObjectNode, Behavior<Command>> next) {
    setting.engine().tell(new EngineDriver.Submit(request, driverLimit(limit), answers));
    return answered(progress, phase, request, next);
  }

  private Behavior<Command> answered(NodeProgress progress, Phase phase, EngineRequest request,
      Function<ObjectNode, Behavior<Command>> next) {
    return inPhase(progress, phase)
        .onMessage(Answered.class, m -> m.answer().request() == request, m -> m.answer().ok()
            ? next.apply(m.answer().body())
            : failed(progress, phaseOf(m.answer().failure(), phase),
                failure(m.answer().failure())))
        .onAnyMessage(m -> ignoreStale("in " + phase, m))
        .build();
  }

  /** A request may go through more than the phase it was made in. */
  private static Phase phaseOf(EngineFailure failure, Phase asked) {
    return failure.phase().isEmpty() ? asked
        : Phase.valueOf(failure.phase().toUpperCase(Locale.ROOT));
  }

  /** Does something with files on a thread that may block, and goes on when it is done. */
  private Behavior<Command> withFiles(NodeProgress progress, Phase phase, String step,
      Callable<List<Path>> work, Function<List<Path>, Behavior<Command>> next) {
    runBlocking(step, work);
    return inPhase(progress, phase)
        .onMessage(FilesDone.class, m -> m.step().equals(step), m -> m.failure() == null
            ? next.apply(m.paths())
            : failed(progress, phase, m.failure()))
        .onAnyMessage(m -> ignoreStale("in " + phase + " with files", m))
        .build();
  }

  /** What every state within a phase understands. */
  private Receiving<Command> inPhase(
      NodeProgress progress, Phase phase) {
    return Receiving.of(Command.class)
        .onMessage(Abort.class, m -> undo.undoing(progress, m.replyTo()))
        .onMessage(PhaseTimedOut.class, m -> failed(progress, phase, new Failure(
            "phase-timeout", "the phase " + phase + " did not end in time on "
            + setting.node())))
        .onMessage(CoordinatorLost.class,
            m -> undo.stranded(progress, "the coordinator is lost"));
  }

  // ---- failure ----

  private Behavior<Command> failed(NodeProgress progress, Phase phase, Failure failure) {
    context.getLog().warn("round {}: {} failed: {}", plan.roundId(), phase, failure);
    setting.coordinator().tell(
        new NodeEvent.PhaseFailed(setting.node(), plan.roundId(), phase, failure));
    return undo.undoing(progress, null);
  }


}
