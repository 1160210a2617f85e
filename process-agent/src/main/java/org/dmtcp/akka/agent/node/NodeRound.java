package org.dmtcp.akka.agent.node;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.DispatcherSelector;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.TimerScheduler;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
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
final class NodeRound {
  sealed interface Command {}

  record Enter(NodeCommand.EnterPhase order) implements Command {}

  record Stage(NodeCommand.StageManifest order) implements Command {}

  /** A part of what the coordinator knows of the node's endpoints. */
  record Matched(List<ConnectionEnd> ends) implements Command {}

  record Commit() implements Command {}

  record Abort(Failure reason, ActorRef<NodeEvent> replyTo) implements Command {}

  /** Answer to {@link Found}: who takes part, with the names that are theirs. */
  record Named(List<Member> members) implements Command {}

  private record Answered(EngineAnswer answer) implements Command {}

  private record HooksRun(PluginDesk.Raised raised) implements Command {}

  private record Reported(ProcessAgent.Report report) implements Command {}

  /** @param failure {@code null} when the files are as they should be */
  private record FilesDone(String step, List<Path> paths, Failure failure) implements Command {}

  private record PhaseTimedOut() implements Command {}

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

  private final ActorContext<Command> context;
  private final TimerScheduler<Command> timers;
  private final Setting setting;
  private final RoundPlan plan;
  private final RoundFiles files;
  private final Executor blocking;
  private final ActorRef<EngineAnswer> answers;
  private final ActorRef<ProcessAgent.Report> reports;
  private final ActorRef<PluginDesk.Raised> hooks;

  /** Of a phase's limit, what the engine may take; then the driver; then the phase. */
  static Duration nativeLimit(Duration limit) {
    return limit.multipliedBy(8).dividedBy(10);
  }

  static Duration driverLimit(Duration limit) {
    return limit.multipliedBy(9).dividedBy(10);
  }

  static Behavior<Command> create(Setting setting, Duration limit) {
    return Behaviors.setup(context -> Behaviors.withTimers(
        timers -> new NodeRound(context, timers, setting).preparing(limit)));
  }

  private NodeRound(
      ActorContext<Command> context, TimerScheduler<Command> timers, Setting setting) {
    this.context = context;
    this.timers = timers;
    this.setting = setting;
    this.plan = setting.plan();
    this.files = new RoundFiles(setting.node(), plan);
    this.blocking =
        context.getSystem().dispatchers().lookup(DispatcherSelector.blocking());
    this.answers = context.messageAdapter(EngineAnswer.class, Answered::new);
    this.reports = context.messageAdapter(ProcessAgent.Report.class, Reported::new);
    this.hooks = context.messageAdapter(PluginDesk.Raised.class, HooksRun::new);
    context.watchWith(setting.coordinator(), new CoordinatorLost());
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
          made -> presuspending(progress.withMade(made), limit, members));
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

  private void raise(PluginDesk.Event event, Set<HostProcess> processes, int helpers,
      boolean taken, Duration limit) {
    Duration most = setting.settings().hookLimit();
    Duration within = nativeLimit(limit).compareTo(most) < 0 ? nativeLimit(limit) : most;
    setting.plugins().tell(new PluginDesk.Raise(event, plan.roundId(), plan.generation(),
        processes, helpers, taken, within, hooks));
  }

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
    members.stream().filter(m -> !known.containsKey(m)).forEach(m -> known.put(m, agentOf(m)));
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
    setting.coordinator().tell(new NodeEvent.PhaseReached(
        setting.node(), plan.roundId(), phase, members, stoppedMicros, images));
    return atBarrier(progress.reached(phase));
  }

  private Behavior<Command> atBarrier(NodeProgress progress) {
    return Receiving.of(Command.class)
        .onMessage(Enter.class, m -> onEnter(progress, m.order()))
        .onMessage(Stage.class, m -> staging(progress, m.order()))
        .onMessage(Matched.class, m -> atBarrier(progress.withEnds(m.ends())))
        .onMessage(Commit.class, m -> progress.staged(), m -> committing(progress))
        .onMessage(Abort.class, m -> undoing(progress, m.replyTo()))
        .onMessage(PhaseTimedOut.class, m -> stranded(progress, "the coordinator orders nothing"))
        .onMessage(CoordinatorLost.class, m -> stranded(progress, "the coordinator is lost"))
        .onAnyMessage(m -> ignoreStale("at the barrier after " + progress.done(), m))
        .build();
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
    EngineRequest freeze = new EngineRequest.Freeze(plan.roundId(), plan.computationId(),
        setting.coordinatorPort(), plan.generation(), plan.manifestId(),
        setting.roots(), setting.namespaceInits(),
        nativeLimit(limit));
    NodeProgress now = progress.withFreezing();
    return ask(now, Phase.FREEZE, limit, freeze, body -> {
      setting.names().tell(new Found(EngineCodec.members(body), true, context.getSelf()));
      return inPhase(now, Phase.FREEZE)
          .onMessage(Named.class, m -> onFrozen(now, m.members()))
          .onAnyMessage(m -> ignoreStale("freezing", m))
          .build();
    });
  }

  private Behavior<Command> onFrozen(NodeProgress progress, List<Member> members) {
    Map<Member, ActorRef<ProcessAgent.Command>> agents = new LinkedHashMap<>();
    members.forEach(member -> agents.put(member, agentOf(member)));
    return reached(progress.withAgents(agents), Phase.FREEZE, members.size(), 0, List.of());
  }

  private ActorRef<ProcessAgent.Command> agentOf(Member member) {
    Path image = files.temporary(files.image(member));
    return context.spawn(ProcessAgent.create(plan, member, image, setting.engine(), reports),
        "process-" + member.process().realPid());
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
    Map<Member, Boolean> terminals = new HashMap<>(); // while the engine works
    progress.agents().keySet().forEach(m ->
        terminals.put(m, setting.proc().hasTerminal(m.process().realPid())));
    NodeProgress now = progress.withTerminals(terminals);
    return collecting(now, Phase.SNAPSHOT, Map.of(), done ->
        reached(now, Phase.SNAPSHOT, now.agents().size(), 0, List.of()));
  }

  private Behavior<Command> resuming(NodeProgress progress, Duration limit) {
    if (!plan.killAfter()) {
      return ask(progress, Phase.RESUME, limit, new EngineRequest.Resume(plan.roundId()), body -> {
        raise(PluginDesk.Event.RUNNING, Set.of(), 0, true, limit);
        return reached(progress.withHelpers(List.of()), Phase.RESUME, progress.agents().size(),
            EngineCodec.stopped(body).toNanos() / 1000, List.of());
      });
    }
    return ask(progress, Phase.RESUME, limit, new EngineRequest.Exit(plan.roundId()), body -> {
      setting.coordinator().tell(new NodeEvent.PhaseReached(setting.node(), plan.roundId(),
          Phase.RESUME, progress.agents().size(), 0, List.of()));
      return over();
    });
  }

  private Behavior<Command> writing(NodeProgress progress, Duration limit) {
    progress.agents().values().forEach(a -> a.tell(new ProcessAgent.FinishImage(limit)));
    context.spawn(WriteWatch.create(setting, List.copyOf(progress.agents().keySet())), "watch");
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
        .onMessage(PhaseTimedOut.class, m -> stranded(progress, "the file system hangs"))
        .onAnyMessage(m -> ignoreStale("committing", m))
        .build();
  }

  private Behavior<Command> onNamed(NodeProgress progress, Failure failure) {
    if (failure != null) {
      setting.coordinator().tell(
          new NodeEvent.PhaseFailed(setting.node(), plan.roundId(), Phase.COMMIT, failure));
      return stranded(progress, failure.toString());
    }
    setting.coordinator().tell(new NodeEvent.RoundCommitted(setting.node(), plan.roundId()));
    return plan.killAfter() ? atBarrier(progress) : Behaviors.stopped();
  }

  /** The engine forgets the round; files stay. */
  private Behavior<Command> over() {
    endAtEngine();
    return Behaviors.stopped();
  }

  private void endAtEngine() {
    setting.engine().tell(new EngineDriver.Submit(new EngineRequest.End(plan.roundId()),
        setting.settings().nativeLimit(), context.getSystem().ignoreRef()));
  }

  // ---- what all phases share ----

  private void startTimer(Duration limit) {
    timers.startSingleTimer("phase", new PhaseTimedOut(), limit);
  }

  /** Asks the engine and goes on with its answer; a failure ends the round. */
  private Behavior<Command> ask(NodeProgress progress, Phase phase, Duration limit,
      EngineRequest request,
      Function<ObjectNode, Behavior<Command>> next) {
    setting.engine().tell(new EngineDriver.Submit(request, driverLimit(limit), answers));
    return inPhase(progress, phase)
        .onMessage(Answered.class, m -> m.answer().request() == request, m -> m.answer().ok()
            ? next.apply(m.answer().body())
            : failed(progress, phase, failure(m.answer().failure())))
        .onAnyMessage(m -> ignoreStale("in " + phase, m))
        .build();
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

  private void runBlocking(String step, Callable<List<Path>> work) {
    context.pipeToSelf(CompletableFuture.supplyAsync(() -> call(work), blocking),
        (done, e) -> new FilesDone(step, done, e == null ? null : failure(e)));
  }

  private static List<Path> call(Callable<List<Path>> work) {
    try {
      return work.call();
    } catch (Exception e) {
      throw new CompletionException(e);
    }
  }

  /** What every state within a phase understands. */
  private Receiving<Command> inPhase(
      NodeProgress progress, Phase phase) {
    return Receiving.of(Command.class)
        .onMessage(Abort.class, m -> undoing(progress, m.replyTo()))
        .onMessage(PhaseTimedOut.class, m -> failed(progress, phase, new Failure(
            "phase-timeout", "the phase " + phase + " did not end in time on "
            + setting.node())))
        .onMessage(CoordinatorLost.class,
            m -> stranded(progress, "the coordinator is lost"));
  }

  private static Failure failure(EngineFailure failure) {
    return new Failure(failure.id(), failure.text());
  }

  private static Failure failure(Throwable thrown) {
    Throwable e = thrown instanceof CompletionException ? thrown.getCause() : thrown;
    String text = e instanceof FileSystemException f && f.getReason() != null
        ? f.getFile() + ": " + f.getReason() : e.getMessage();
    boolean full = text != null
        && (text.contains("No space left on device") || text.contains("Disk quota exceeded"));
    return new Failure(
        full ? "disk-full" : e instanceof IOException ? "image-unwritable" : "internal",
        text == null ? e.toString() : text);
  }

  // ---- failure ----

  private Behavior<Command> failed(NodeProgress progress, Phase phase, Failure failure) {
    context.getLog().warn("round {}: {} failed: {}", plan.roundId(), phase, failure);
    setting.coordinator().tell(
        new NodeEvent.PhaseFailed(setting.node(), plan.roundId(), phase, failure));
    return undoing(progress, null);
  }

  /** Nobody orders any more. Once the manifest is staged the images may be the valid ones. */
  private Behavior<Command> stranded(NodeProgress progress, String reason) {
    context.getLog().warn("round {}: {} after {}", plan.roundId(), reason, progress.done());
    if (!progress.staged()) {
      return undoing(progress, null);
    }
    if (plan.killAfter()) {
      setting.engine().tell(new EngineDriver.Submit(new EngineRequest.Resume(plan.roundId()),
          setting.settings().nativeLimit(), context.getSystem().ignoreRef()));
    }
    return over();
  }

  /** The processes run on first; then the files go. @param replyTo {@code null} if unasked */
  private Behavior<Command> undoing(NodeProgress progress, ActorRef<NodeEvent> replyTo) {
    startTimer(setting.settings().nativeLimit().multipliedBy(2));
    if (!progress.helpers().isEmpty()) {
      return reconnecting(progress, replyTo);
    }
    return thawing(progress, replyTo);
  }

  /** Plugins that have prepared themselves take that back before the other threads run. */
  private Behavior<Command> reconnecting(NodeProgress progress, ActorRef<NodeEvent> replyTo) {
    Duration limit = setting.settings().nativeLimit();
    if (progress.freezing()) { // fails where they run already
      setting.engine().tell(new EngineDriver.Submit(
          new EngineRequest.Release(plan.roundId(), progress.helpers()), limit,
          context.getSystem().ignoreRef()));
    }
    raise(PluginDesk.Event.RESUME, Set.of(), 0, false, limit);
    NodeProgress now = progress.withHelpers(List.of());
    return Receiving.of(Command.class)
        .onMessage(HooksRun.class, m -> m.raised().event() == PluginDesk.Event.RESUME,
            m -> thawing(now, replyTo))
        .onMessage(PhaseTimedOut.class, m -> thawing(now, replyTo))
        .onMessage(Abort.class, m -> reconnecting(progress, m.replyTo()))
        .onAnyMessage(m -> ignoreStale("reconnecting", m))
        .build();
  }

  private Behavior<Command> thawing(NodeProgress progress, ActorRef<NodeEvent> replyTo) {
    raise(PluginDesk.Event.RUNNING, Set.of(), 0, false, setting.settings().nativeLimit());
    if (!progress.freezing()) {
      discard(progress);
      return undoing(progress, replyTo, true);
    }
    setting.engine().tell(new EngineDriver.Submit(
        new EngineRequest.Abort(plan.roundId()), setting.settings().nativeLimit(), answers));
    return undoing(progress, replyTo, false);
  }

  private Behavior<Command> undoing(
      NodeProgress progress, ActorRef<NodeEvent> replyTo, boolean thawed) {
    return Receiving.of(Command.class)
        .onMessage(Answered.class,
            m -> m.answer().request() instanceof EngineRequest.Abort && !thawed, m -> {
              if (!m.answer().ok()) {
                context.getLog().debug("round {}: abort: {}", plan.roundId(), m.answer().failure());
              }
              discard(progress);
              return undoing(progress, replyTo, true);
            })
        .onMessage(FilesDone.class, m -> m.step().equals("discard"), m -> undone(replyTo))
        .onMessage(PhaseTimedOut.class, m -> undone(replyTo))
        .onMessage(Abort.class, m -> undoing(progress, m.replyTo(), thawed))
        .onAnyMessage(m -> ignoreStale("undoing", m))
        .build();
  }

  private void discard(NodeProgress progress) {
    runBlocking("discard", () -> {
      files.discard(progress.images(files), progress.made());
      return List.of();
    });
  }

  private Behavior<Command> undone(ActorRef<NodeEvent> replyTo) {
    if (replyTo != null) {
      replyTo.tell(new NodeEvent.RoundAborted(setting.node(), plan.roundId()));
    }
    return Behaviors.stopped();
  }

  private Behavior<Command> ignoreStale(String state, Command message) {
    context.getLog().debug("round {}: {}: ignored {}", plan.roundId(), state, message);
    return Behaviors.same();
  }
}
