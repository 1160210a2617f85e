package org.dmtcp.akka.agent.engine;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.PostStop;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.TimerScheduler;
import java.io.IOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;

/**
 * Owns the {@code dmtcp_engine} process of this host. Every {@link Submit} is answered exactly
 * once: by the engine, or with {@code engine-lost} when the engine ends or passes the limit. An
 * engine that ended is started again; processes that it held run on, as the kernel lets go what a
 * dead tracer held.
 * <pre>
 * starting -> running -> (ended, overdue, garbled) -> waiting -> starting
 * </pre>
 */
public final class EngineDriver {
  public sealed interface Command {}

  /** @param limit for the answer; passing it costs the engine its life */
  public record Submit(EngineRequest request, Duration limit, ActorRef<EngineAnswer> replyTo)
      implements Command {}

  private record Started(EngineChannel channel) implements Command {}

  private record StartFailed(String reason) implements Command {}

  private record Received(EngineChannel from, byte[] json) implements Command {}

  private record Ended(EngineChannel channel, String reason) implements Command {}

  private record Overdue(EngineChannel channel, long id) implements Command {}

  private record StartAgain() implements Command {}

  /**
   * @param minBackoff before the engine is started again; doubled while it keeps failing
   * @param maxBackoff longest wait
   */
  public record Settings(Duration minBackoff, Duration maxBackoff) {}

  private static final Duration POLL = Duration.ofSeconds(5); // close() normally ends a wait at once

  private final ActorContext<Command> context;
  private final TimerScheduler<Command> timers;
  private final EngineChannel.Starter starter;
  private final Settings settings;
  private final ActorRef<EngineEvent> events;

  public static Behavior<Command> create(
      EngineChannel.Starter starter, Settings settings, ActorRef<EngineEvent> events) {
    return Behaviors.setup(context -> Behaviors.withTimers(timers ->
        new EngineDriver(context, timers, starter, settings, events)
            .starting(settings.minBackoff(), 1, Map.of(), false)));
  }

  private EngineDriver(ActorContext<Command> context, TimerScheduler<Command> timers,
      EngineChannel.Starter starter, Settings settings, ActorRef<EngineEvent> events) {
    this.context = context;
    this.timers = timers;
    this.starter = starter;
    this.settings = settings;
    this.events = events;
  }

  /**
   * The engine is being started on its own thread, which then reads from it until it ends.
   *
   * @param backoff to wait should it fail
   * @param nextId of the next request; ids go on over restarts, so that no old answer fits
   * @param early what is asked meanwhile
   * @param again whether this is a restart, of which the node must hear
   */
  private Behavior<Command> starting(
      Duration backoff, long nextId, Map<Long, Submit> early, boolean again) {
    ActorRef<Command> self = context.getSelf();
    Thread reader = new Thread(() -> read(self), "engine-reader");
    reader.setDaemon(true);
    reader.start();
    return whileStarting(backoff, nextId, early, again);
  }

  private Behavior<Command> whileStarting(
      Duration backoff, long nextId, Map<Long, Submit> early, boolean again) {
    return Behaviors.receive(Command.class)
        .onMessage(Submit.class,
            m -> whileStarting(backoff, nextId + 1, with(early, nextId, m), again))
        .onMessage(Started.class, m -> onStarted(m.channel(), nextId, early, again))
        .onMessage(StartFailed.class, m -> onStartFailed(m.reason(), backoff, nextId, early))
        .onAnyMessage(m -> ignoreStale("starting", m))
        .build();
  }

  private void read(ActorRef<Command> self) {
    EngineChannel channel;
    try {
      channel = starter.start();
    } catch (EngineException | LinkageError e) {
      self.tell(new StartFailed(e.getMessage()));
      return;
    }
    self.tell(new Started(channel));
    try {
      while (true) {
        byte[] json = channel.next(POLL);
        if (json != null) {
          self.tell(new Received(channel, json));
        }
      }
    } catch (EngineException e) {
      self.tell(new Ended(channel, e.getMessage()));
    }
  }

  private Behavior<Command> onStarted(
      EngineChannel channel, long nextId, Map<Long, Submit> early, boolean again) {
    if (again) {
      context.getLog().warn("the checkpoint engine runs again");
      events.tell(new EngineEvent.Restarted());
    }
    for (Map.Entry<Long, Submit> e : early.entrySet()) {
      if (!send(channel, e.getKey(), e.getValue())) {
        return lost(channel, "it ended at once", nextId, early);
      }
    }
    return running(channel, nextId, early);
  }

  private Behavior<Command> onStartFailed(
      String reason, Duration backoff, long nextId, Map<Long, Submit> early) {
    context.getLog().error("the checkpoint engine cannot be started: {}", reason);
    early.values().forEach(s -> answerLost(s, "it cannot be started: " + reason));
    return waiting(backoff, nextId);
  }

  /** @param pending requests the engine works on, by id */
  private Behavior<Command> running(EngineChannel channel, long nextId, Map<Long, Submit> pending) {
    return Behaviors.receive(Command.class)
        .onMessage(Submit.class, m -> onSubmit(channel, nextId, pending, m))
        .onMessage(Received.class, m -> m.from() == channel,
            m -> onReceived(channel, nextId, pending, m.json()))
        .onMessage(Ended.class, m -> m.channel() == channel,
            m -> lost(channel, m.reason(), nextId, pending))
        .onMessage(Overdue.class, m -> m.channel() == channel && pending.containsKey(m.id()),
            m -> lost(channel, "no answer in time to " + pending.get(m.id()).request(),
                nextId, pending))
        .onSignal(PostStop.class, s -> {
          channel.close();
          return Behaviors.stopped();
        })
        .onAnyMessage(m -> ignoreStale("running", m))
        .build();
  }

  private Behavior<Command> onSubmit(
      EngineChannel channel, long nextId, Map<Long, Submit> pending, Submit submit) {
    Map<Long, Submit> now = with(pending, nextId, submit);
    if (!send(channel, nextId, submit)) {
      return lost(channel, "its connection is closed", nextId + 1, now);
    }
    return running(channel, nextId + 1, now);
  }

  private boolean send(EngineChannel channel, long id, Submit submit) {
    timers.startSingleTimer(id, new Overdue(channel, id), submit.limit());
    try {
      channel.submit(EngineCodec.encode(id, submit.request()));
      return true;
    } catch (EngineException e) {
      return false;
    }
  }

  private Behavior<Command> onReceived(
      EngineChannel channel, long nextId, Map<Long, Submit> pending, byte[] json) {
    EngineCodec.Message message;
    try {
      message = EngineCodec.decode(json);
    } catch (IOException e) {
      return lost(channel, "it sent garbage: " + e.getMessage(), nextId, pending);
    }
    if (message instanceof EngineCodec.Message.Exited exited) {
      events.tell(new EngineEvent.Exited(exited.process()));
    } else if (message instanceof EngineCodec.Message.Fault fault) {
      context.getLog().warn("engine: {}", fault.text());
    } else if (message instanceof EngineCodec.Message.Answer answer) {
      Submit asked = pending.get(answer.id());
      if (asked == null) {
        context.getLog().warn("engine: answer to unknown request {}", answer.id());
        return Behaviors.same();
      }
      timers.cancel(answer.id());
      asked.replyTo().tell(new EngineAnswer(asked.request(), answer.body(), answer.failure()));
      return running(channel, nextId, without(pending, answer.id()));
    }
    return Behaviors.same();
  }

  private Behavior<Command> lost(
      EngineChannel channel, String reason, long nextId, Map<Long, Submit> pending) {
    context.getLog().error("the checkpoint engine is lost: {}", reason);
    channel.kill();
    timers.cancelAll();
    pending.values().forEach(s -> answerLost(s, reason));
    return waiting(settings.minBackoff(), nextId);
  }

  private void answerLost(Submit submit, String reason) {
    submit.replyTo().tell(EngineAnswer.failed(submit.request(), EngineFailure.ENGINE_LOST,
        "the checkpoint engine of this host is lost: " + reason));
  }

  private Behavior<Command> waiting(Duration backoff, long nextId) {
    timers.startSingleTimer("start", new StartAgain(), backoff);
    Duration doubled = backoff.multipliedBy(2);
    Duration next =
        doubled.compareTo(settings.maxBackoff()) > 0 ? settings.maxBackoff() : doubled;
    return Behaviors.receive(Command.class)
        .onMessage(Submit.class, m -> {
          answerLost(m, "it is being started again");
          return Behaviors.same();
        })
        .onMessage(StartAgain.class, m -> starting(next, nextId, Map.of(), true))
        .onAnyMessage(m -> ignoreStale("waiting", m))
        .build();
  }

  /** Late news of an engine that is gone already. */
  private Behavior<Command> ignoreStale(String state, Command message) {
    if (message instanceof Started started) {
      started.channel().close();
    }
    context.getLog().debug("{}: ignored {}", state, message);
    return Behaviors.same();
  }

  private static Map<Long, Submit> with(Map<Long, Submit> map, long id, Submit submit) {
    Map<Long, Submit> copy = new HashMap<>(map);
    copy.put(id, submit);
    return copy;
  }

  private static Map<Long, Submit> without(Map<Long, Submit> map, long id) {
    Map<Long, Submit> copy = new HashMap<>(map);
    copy.remove(id);
    return copy;
  }
}
