package org.dmtcp.akka.agent.node;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.DispatcherSelector;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.TimerScheduler;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import org.dmtcp.akka.agent.engine.EngineAnswer;
import org.dmtcp.akka.agent.engine.EngineDriver;
import org.dmtcp.akka.agent.engine.EngineFailure;
import org.dmtcp.akka.agent.engine.EngineRequest;
import org.dmtcp.akka.agent.engine.HostProcess;
import org.dmtcp.akka.agent.node.NodeRound.Command;
import org.dmtcp.akka.agent.node.NodeRound.FilesDone;
import org.dmtcp.akka.agent.node.NodeRound.PhaseTimedOut;
import org.dmtcp.akka.agent.node.NodeRound.Setting;
import org.dmtcp.akka.protocol.Actors;
import org.dmtcp.akka.protocol.Failure;
import org.dmtcp.akka.protocol.RoundPlan;

/** What every state of a {@link NodeRound} works with. */
abstract class NodeRoundState {
  /** The same for all states of one round. */
  record Tools(
      ActorContext<Command> context,
      TimerScheduler<Command> timers,
      Setting setting,
      ActorRef<EngineAnswer> answers,
      ActorRef<PluginDesk.Raised> hooks) {}

  final ActorContext<Command> context;
  private final TimerScheduler<Command> timers;
  final Setting setting;
  final RoundPlan plan;
  final RoundFiles files;
  private final Executor blocking;
  final ActorRef<EngineAnswer> answers;
  private final ActorRef<PluginDesk.Raised> hooks;

  NodeRoundState(Tools tools) {
    this.context = tools.context();
    this.timers = tools.timers();
    this.setting = tools.setting();
    this.plan = setting.plan();
    this.files = new RoundFiles(setting.node(), plan);
    this.blocking = context.getSystem().dispatchers().lookup(DispatcherSelector.blocking());
    this.answers = tools.answers();
    this.hooks = tools.hooks();
  }

  /** Of a phase's limit, what the engine may take; then the driver; then the phase. */
  static Duration nativeLimit(Duration limit) {
    return limit.multipliedBy(8).dividedBy(10);
  }

  static Duration driverLimit(Duration limit) {
    return limit.multipliedBy(9).dividedBy(10);
  }

  void startTimer(Duration limit) {
    timers.startSingleTimer("phase", new PhaseTimedOut(), limit);
  }

  void raise(PluginDesk.Event event, Set<HostProcess> processes, int helpers,
      boolean taken, Duration limit) {
    Duration most = setting.settings().hookLimit();
    Duration within = nativeLimit(limit).compareTo(most) < 0 ? nativeLimit(limit) : most;
    setting.plugins().tell(new PluginDesk.Raise(event, plan.roundId(), plan.generation(),
        processes, helpers, taken, within, hooks));
  }

  void runBlocking(String step, Callable<List<Path>> work) {
    Actors.pipe(context, CompletableFuture.supplyAsync(() -> call(work), blocking),
        (done, e) -> new FilesDone(step, done, e == null ? null : failure(e)));
  }

  private static List<Path> call(Callable<List<Path>> work) {
    try {
      return work.call();
    } catch (Exception e) {
      throw new CompletionException(e);
    }
  }

  static Failure failure(EngineFailure failure) {
    return new Failure(failure.id(), failure.text());
  }

  static Failure failure(Throwable thrown) {
    Throwable e = thrown instanceof CompletionException ? thrown.getCause() : thrown;
    String text = e instanceof FileSystemException f && f.getReason() != null
        ? f.getFile() + ": " + f.getReason() : e.getMessage();
    boolean full = text != null
        && (text.contains("No space left on device") || text.contains("Disk quota exceeded"));
    return new Failure(
        full ? "disk-full" : e instanceof IOException ? "image-unwritable" : "internal",
        text == null ? e.toString() : text);
  }

  /** The engine forgets the round; files stay. */
  Behavior<Command> over() {
    endAtEngine();
    return Behaviors.stopped();
  }

  void endAtEngine() {
    setting.engine().tell(new EngineDriver.Submit(new EngineRequest.End(plan.roundId()),
        setting.settings().nativeLimit(), context.getSystem().ignoreRef()));
  }

  Behavior<Command> ignoreStale(String state, Command message) {
    context.getLog().debug("round {}: {}: ignored {}", plan.roundId(), state, message);
    return Behaviors.same();
  }
}
