package org.dmtcp.akka.coordinator;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.StashBuffer;
import akka.actor.typed.javadsl.TimerScheduler;
import java.util.ArrayList;
import java.util.List;
import org.dmtcp.akka.config.ExitCode;
import org.dmtcp.akka.coordinator.Coordinator.AskerGone;
import org.dmtcp.akka.coordinator.Coordinator.Command;
import org.dmtcp.akka.coordinator.Coordinator.EndOverdue;
import org.dmtcp.akka.coordinator.Coordinator.Ending;
import org.dmtcp.akka.coordinator.Coordinator.IntervalElapsed;
import org.dmtcp.akka.coordinator.Coordinator.Received;
import org.dmtcp.akka.coordinator.Coordinator.RoundGone;
import org.dmtcp.akka.coordinator.Coordinator.StaleElapsed;
import org.dmtcp.akka.protocol.CoordinatorMessage;
import org.dmtcp.akka.protocol.CoordinatorReply;
import org.dmtcp.akka.protocol.CoordinatorRequest;
import org.dmtcp.akka.protocol.CoordinatorRequest.BeginRestart;
import org.dmtcp.akka.protocol.Failure;
import org.dmtcp.akka.protocol.NodeCommand;

/** What every state of a {@link Coordinator} works with. */
abstract class CoordinatorState {
  /** The same for all states of one coordinator. */
  record Tools(
      ActorContext<Command> context,
      TimerScheduler<Command> timers,
      StashBuffer<Command> stash,
      CoordinatorParts parts,
      GenerationStore store,
      ActorRef<PluginService.Command> plugins,
      ActorRef<Survey.Command> survey,
      ActorRef<CoordinatorMessage> self) {}

  final ActorContext<Command> context;
  final TimerScheduler<Command> timers;
  final StashBuffer<Command> stash;
  final CoordinatorSettings settings;
  final GenerationStore store;
  final ActorRef<PluginService.Command> plugins;
  final ActorRef<Survey.Command> survey;
  final Notes notes;
  final CoordinatorParts parts;
  final ActorRef<CoordinatorMessage> self;

  CoordinatorState(Tools tools) {
    this.context = tools.context();
    this.timers = tools.timers();
    this.stash = tools.stash();
    this.settings = tools.parts().settings();
    this.store = tools.store();
    this.plugins = tools.plugins();
    this.survey = tools.survey();
    this.notes = tools.parts().notes();
    this.parts = tools.parts();
    this.self = tools.self();
  }

  Ending timeoutEnding() {
    return new Ending(
        ExitCode.USAGE_OR_TIMEOUT, "the time-out of " + settings.timeout().toSeconds()
            + " s is over");
  }

  void startStaleTimer() {
    if (!settings.staleTimeout().isZero()) {
      timers.startSingleTimer("stale", new StaleElapsed(), settings.staleTimeout());
    }
  }

  void startIntervalTimer(Computation now) {
    if (now.interval().isZero()) {
      timers.cancel("interval");
    } else {
      timers.startSingleTimer("interval", new IntervalElapsed(), now.interval());
    }
  }

  /** Until they have gone, or a limit has passed, there is no checkpoint of them. */
  Computation toldToEnd(Computation now) {
    timers.startSingleTimer("end-overdue", new EndOverdue(), settings.closeLimit());
    return now.withEnd(true);
  }

  /** A restart waits for the end of the programs, for as long as its command does. */
  Behavior<Command> hold(Received message) {
    ActorRef<CoordinatorReply> asker = ((BeginRestart) message.message()).replyTo();
    context.watchWith(asker, new AskerGone(asker));
    stash.stash(message);
    return Behaviors.same();
  }

  /** It must not begin for nobody. Who was answered goes, too: then nothing of his is here. */
  Behavior<Command> forget(AskerGone gone) {
    List<Command> others = new ArrayList<>();
    stash.forEach(m -> {
      if (!(m instanceof Received r && r.message() instanceof BeginRestart b
          && b.replyTo().equals(gone.asker()))) {
        others.add(m);
      }
    });
    if (others.size() < stash.size()) {
      notes.note("A restart that waited for the end of the programs was given up");
      stash.clear();
      others.forEach(stash::stash);
    }
    return Behaviors.same();
  }

  Behavior<Command> answer(CoordinatorRequest request, CoordinatorReply reply) {
    request.replyTo().tell(reply);
    return Behaviors.same();
  }

  Behavior<Command> refuse(CoordinatorRequest request, String errorId, String text) {
    return answer(request, new CoordinatorReply.Refused(new Failure(errorId, text)));
  }

  void welcomeAll(Computation now) {
    now.nodes()
        .values()
        .forEach(node -> node.agent().tell(new NodeCommand.Welcome(now.id(), now.generation())));
  }

  /** The news of an end is a signal; Akka does not order it behind the outcome, so we do. */
  Behavior<Command> afterItsOutcome(String id) {
    context.getSelf().tell(new RoundGone(id));
    return Behaviors.same();
  }

  Behavior<Command> ignore(String state, Command message) {
    context.getLog().debug("{}: ignored {}", state, message);
    return Behaviors.same();
  }
}
