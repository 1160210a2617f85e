package org.dmtcp.akka.agent.node;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.TimerScheduler;
import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.List;
import org.dmtcp.akka.agent.engine.EngineAnswer;
import org.dmtcp.akka.agent.engine.EngineDriver;
import org.dmtcp.akka.agent.engine.EngineRequest;
import org.dmtcp.akka.protocol.Actors;
import org.dmtcp.akka.protocol.NodeEvent;
import org.dmtcp.akka.protocol.Receiving;

/**
 * Tells every now and then how far the images of a round are. A child of its {@link NodeRound}, with
 * which it ends; a round that is over soon never hears of it.
 */
final class WriteWatch {
  interface Command {}

  private record Look() implements Command {}

  private record Seen(EngineAnswer answer) implements Command {}

  /** So often does a person want to see it. */
  private static final Duration EVERY = Duration.ofMillis(500);

  private final NodeRound.Setting setting;
  private final List<Member> members;
  private final Duration limit;
  private final TimerScheduler<Command> timers;
  private final ActorRef<EngineAnswer> answers;

  /** @param limit of the writing itself: an engine that is busy with it may answer late */
  static Behavior<Command> create(
      NodeRound.Setting setting, List<Member> members, Duration limit) {
    return Actors.withTimers((context, timers) ->
        new WriteWatch(context, timers, setting, members, limit).watching());
  }

  private WriteWatch(ActorContext<Command> context, TimerScheduler<Command> timers,
      NodeRound.Setting setting, List<Member> members, Duration limit) {
    this.timers = timers;
    this.setting = setting;
    this.members = members;
    this.limit = limit;
    this.answers = Actors.adapter(context, EngineAnswer.class, Seen::new);
    lookLater();
  }

  private void lookLater() {
    timers.startSingleTimer("look", new Look(), EVERY);
  }

  /** One question at a time. */
  private Behavior<Command> watching() {
    return Receiving.of(Command.class)
        .onMessage(Look.class, m -> {
          setting.engine().tell(new EngineDriver.Submit(
              new EngineRequest.Progress(setting.plan().roundId()), limit, answers));
          return Behaviors.same();
        })
        .onMessage(Seen.class, m -> {
          if (m.answer().ok()) {
            tell(m.answer().body().path("images"));
          }
          lookLater();
          return Behaviors.same();
        })
        .build();
  }

  private void tell(JsonNode images) {
    long done = 0;
    long raw = 0;
    long mostLeft = 0;
    String slowest = "";
    for (JsonNode image : images) {
      long left = image.path("rawBytes").asLong() - image.path("doneBytes").asLong();
      done += image.path("doneBytes").asLong();
      raw += image.path("rawBytes").asLong();
      if (left > mostLeft) {
        mostLeft = left;
        slowest = name(image.path("pid").asInt());
      }
    }
    setting.coordinator().tell(new NodeEvent.WriteProgress(
        setting.node(), setting.plan().roundId(), done, raw, slowest));
  }

  private String name(int realPid) {
    return members.stream().filter(m -> m.process().realPid() == realPid).findFirst()
        .map(m -> m.program() + "[" + m.virtualPid() + "]@" + setting.node()).orElse("");
  }
}
