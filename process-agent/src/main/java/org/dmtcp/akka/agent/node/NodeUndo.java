package org.dmtcp.akka.agent.node;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.javadsl.Behaviors;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import org.dmtcp.akka.agent.engine.EngineDriver;
import org.dmtcp.akka.agent.engine.EngineRequest;
import org.dmtcp.akka.agent.node.NodeRound.Abort;
import org.dmtcp.akka.agent.node.NodeRound.Answered;
import org.dmtcp.akka.agent.node.NodeRound.Command;
import org.dmtcp.akka.agent.node.NodeRound.FilesDone;
import org.dmtcp.akka.agent.node.NodeRound.HooksRun;
import org.dmtcp.akka.agent.node.NodeRound.PhaseTimedOut;
import org.dmtcp.akka.protocol.NodeEvent;
import org.dmtcp.akka.protocol.Receiving;

/** A round that is given up on one node: its processes run on, and what it wrote goes. */
final class NodeUndo extends NodeRoundState {
  NodeUndo(Tools tools) {
    super(tools);
  }

  /** Nobody orders any more. Once the manifest is staged the images may be the valid ones. */
  Behavior<Command> stranded(NodeProgress progress, String reason) {
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
  Behavior<Command> undoing(NodeProgress progress, ActorRef<NodeEvent> replyTo) {
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
    return awaitingHooks(progress.withHelpers(List.of()), replyTo);
  }

  private Behavior<Command> awaitingHooks(NodeProgress progress, ActorRef<NodeEvent> replyTo) {
    return Receiving.of(Command.class)
        .onMessage(HooksRun.class, m -> m.raised().event() == PluginDesk.Event.RESUME,
            m -> thawing(progress, replyTo))
        .onMessage(PhaseTimedOut.class, m -> thawing(progress, replyTo))
        .onMessage(Abort.class, m -> awaitingHooks(progress, m.replyTo())) // only who is told
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
      files.discard(progress.begun(files), progress.made());
      return List.of();
    });
  }

  private Behavior<Command> undone(ActorRef<NodeEvent> replyTo) {
    if (replyTo != null) {
      replyTo.tell(new NodeEvent.RoundAborted(setting.node(), plan.roundId()));
    }
    return Behaviors.stopped();
  }
}
