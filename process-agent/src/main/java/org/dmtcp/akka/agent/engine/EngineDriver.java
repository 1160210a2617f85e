package org.dmtcp.akka.agent.engine;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.PostStop;
import akka.actor.typed.PreRestart;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.TimerScheduler;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.dmtcp.akka.protocol.Receiving;

/**
 * Owns the {@code dmtcp_engine} process of this host. The requests that come once per process are
 * handed over a few at a time: the engine works on one after the other, and what a socket holds
 * cannot be taken back or overtaken. Every {@link Submit} is answered exactly
 * once: by the engine, or with {@code engine-lost} when the engine ends or passes the limit. An
 * engine that ended is started again; processes that it held run on, as the kernel lets go what a
 * dead tracer held.
 * <pre>
 * starting -> running -> (ended, overdue, garbled) -> waiting -> starting
 * </pre>
 */
public final class EngineDriver {
  public sealed interface Command {}

  /**
   * A question. Passing a limit costs the engine its life.
   *
   * @param limit for the answer, or for the first of {@code phases}
   * @param phases of which the engine tells, with what it may take from there to the next
   */
  public record Submit(EngineRequest request, Duration limit, Map<String, Duration> phases,
      ActorRef<EngineAnswer> replyTo) implements Command {
    public Submit(EngineRequest request, Duration limit, ActorRef<EngineAnswer> replyTo) {
      this(request, limit, Map.of(), replyTo);
    }
  }

  private record Started(EngineChannel channel) implements Command {}

  private record StartFailed(String reason) implements Command {}

  private record Received(EngineChannel from, byte[] json) implements Command {}

  private record Ended(EngineChannel channel, String reason) implements Command {}

  private record Overdue(EngineChannel channel, long id) implements Command {}

  private record StartAgain() implements Command {}

  /**
   * Requests that are not answered yet.
   *
   * @param nextId ids go on over restarts of the engine, so that no old answer fits
   * @param sent at the engine, by id
   * @param waiting for room, in their order
   */
  private record Open(long nextId, Map<Long, Submit> sent, List<Submit> waiting) {
    static final Open NONE = new Open(1, Map.of(), List.of());

    Open sending(Submit submit) {
      Map<Long, Submit> now = new HashMap<>(sent);
      now.put(nextId, submit);
      return new Open(nextId + 1, now, waiting);
    }

    Open answered(long id) {
      Map<Long, Submit> now = new HashMap<>(sent);
      now.remove(id);
      return new Open(nextId, now, waiting);
    }

    Open waitingFor(Submit submit) {
      List<Submit> now = new ArrayList<>(waiting);
      now.add(submit);
      return new Open(nextId, sent, now);
    }

    Open waiting(List<Submit> now) {
      return new Open(nextId, sent, now);
    }

    boolean hasRoom() {
      return sent.values().stream().filter(s -> isMany(s.request())).count() < WINDOW;
    }

    List<Submit> all() {
      List<Submit> all = new ArrayList<>(sent.values());
      all.addAll(waiting);
      return all;
    }

    Open none() {
      return new Open(nextId, Map.of(), List.of());
    }
  }

  /**
   * @param minBackoff before the engine is started again; doubled while it keeps failing
   * @param maxBackoff longest wait
   */
  public record Settings(Duration minBackoff, Duration maxBackoff) {}

  /** Snapshots and writes at the engine: enough to keep it busy. */
  private static final int WINDOW = 16;
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
            .starting(settings.minBackoff(), Open.NONE, false)));
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
   * @param open what is asked meanwhile waits
   * @param again whether there was one before
   */
  private Behavior<Command> starting(Duration backoff, Open open, boolean again) {
    ActorRef<Command> self = context.getSelf();
    Thread reader = new Thread(() -> read(self), "engine-reader");
    reader.setDaemon(true);
    reader.start();
    return whileStarting(backoff, open, again);
  }

  private Behavior<Command> whileStarting(Duration backoff, Open open, boolean again) {
    return Receiving.of(Command.class)
        .onMessage(Submit.class, m -> whileStarting(backoff, open.waitingFor(m), again))
        .onMessage(Started.class, m -> onStarted(m.channel(), open, again))
        .onMessage(StartFailed.class, m -> onStartFailed(m.reason(), backoff, open))
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

  private Behavior<Command> onStarted(EngineChannel channel, Open open, boolean again) {
    if (again) {
      context.getLog().warn("the checkpoint engine runs again");
    }
    events.tell(new EngineEvent.Started());
    return proceed(channel, open);
  }

  private Behavior<Command> onStartFailed(String reason, Duration backoff, Open open) {
    context.getLog().error("the checkpoint engine cannot be started: {}", reason);
    open.all().forEach(s -> answerLost(s, "it cannot be started: " + reason));
    return waiting(backoff, open.none());
  }

  private Behavior<Command> running(EngineChannel channel, Open open) {
    return Receiving.of(Command.class)
        .onMessage(Submit.class, m -> proceed(channel, overtaking(open, m)))
        .onMessage(Received.class, m -> m.from() == channel,
            m -> onReceived(channel, open, m.json()))
        .onMessage(Ended.class, m -> m.channel() == channel,
            m -> lost(channel, m.reason(), open))
        .onMessage(Overdue.class, m -> m.channel() == channel && open.sent().containsKey(m.id()),
            m -> lost(channel, "no answer in time to " + open.sent().get(m.id()).request(), open))
        .onSignal(PostStop.class, s -> {
          channel.close();
          return Behaviors.stopped();
        })
        .onSignal(PreRestart.class, s -> {
          channel.close();
          return Behaviors.same();
        })
        .onAnyMessage(m -> ignoreStale("running", m))
        .build();
  }

  /** An abort does away with what its round still waits for. */
  private Open overtaking(Open open, Submit submit) {
    if (!(submit.request() instanceof EngineRequest.Abort abort)) {
      return open.waitingFor(submit);
    }
    List<Submit> left = new ArrayList<>();
    for (Submit waiting : open.waiting()) {
      if (roundOf(waiting.request()).equals(abort.round())) {
        waiting.replyTo().tell(EngineAnswer.failed(
            waiting.request(), "round-cancelled", "the round was aborted"));
      } else {
        left.add(waiting);
      }
    }
    return open.waiting(left).waitingFor(submit);
  }

  private static String roundOf(EngineRequest request) {
    if (request instanceof EngineRequest.Snapshot r) {
      return r.round();
    }
    return request instanceof EngineRequest.Write r ? r.round() : "";
  }

  private static boolean isMany(EngineRequest request) {
    return request instanceof EngineRequest.Snapshot || request instanceof EngineRequest.Write;
  }

  /** Hands over what there is room for, and everything that does not come in great numbers. */
  private Behavior<Command> proceed(EngineChannel channel, Open open) {
    Open now = open.waiting(List.of());
    for (int i = 0; i < open.waiting().size(); i++) {
      Submit submit = open.waiting().get(i);
      if (isMany(submit.request()) && !now.hasRoom()) {
        now = now.waitingFor(submit);
        continue;
      }
      long id = now.nextId();
      now = now.sending(submit);
      timers.startSingleTimer(id, new Overdue(channel, id), submit.limit());
      try {
        channel.submit(EngineCodec.encode(id, submit.request()));
      } catch (EngineException e) {
        for (Submit rest : open.waiting().subList(i + 1, open.waiting().size())) {
          now = now.waitingFor(rest);
        }
        return lost(channel, e.getMessage(), now);
      }
    }
    return running(channel, now);
  }

  private Behavior<Command> onReceived(EngineChannel channel, Open open, byte[] json) {
    EngineCodec.Message message;
    try {
      message = EngineCodec.decode(json);
    } catch (IOException e) {
      return lost(channel, "it sent garbage: " + e.getMessage(), open);
    }
    if (message instanceof EngineCodec.Message.Phase now) {
      Submit asked = open.sent().get(now.request());
      Duration limit = asked == null ? null : asked.phases().get(now.phase());
      if (limit != null) { // replaces the last
        timers.startSingleTimer(now.request(), new Overdue(channel, now.request()), limit);
      }
    } else if (message instanceof EngineCodec.Message.Exited exited) {
      events.tell(new EngineEvent.Exited(exited.process()));
    } else if (message instanceof EngineCodec.Message.Fault fault) {
      context.getLog().warn("engine: {}", fault.text());
    } else if (message instanceof EngineCodec.Message.Answer answer) {
      Submit asked = open.sent().get(answer.id());
      if (asked == null) {
        context.getLog().warn("engine: answer to unknown request {}", answer.id());
        return Behaviors.same();
      }
      timers.cancel(answer.id());
      asked.replyTo().tell(new EngineAnswer(asked.request(), answer.body(), answer.failure()));
      return proceed(channel, open.answered(answer.id()));
    }
    return Behaviors.same();
  }

  private Behavior<Command> lost(EngineChannel channel, String reason, Open open) {
    context.getLog().error("the checkpoint engine is lost: {}", reason);
    channel.kill();
    timers.cancelAll();
    open.all().forEach(s -> answerLost(s, reason));
    return waiting(settings.minBackoff(), open.none());
  }

  private void answerLost(Submit submit, String reason) {
    submit.replyTo().tell(EngineAnswer.failed(submit.request(), EngineFailure.ENGINE_LOST,
        "the checkpoint engine of this host is lost: " + reason));
  }

  private Behavior<Command> waiting(Duration backoff, Open open) {
    timers.startSingleTimer("start", new StartAgain(), backoff);
    Duration doubled = backoff.multipliedBy(2);
    Duration next =
        doubled.compareTo(settings.maxBackoff()) > 0 ? settings.maxBackoff() : doubled;
    return Receiving.of(Command.class)
        .onMessage(Submit.class, m -> {
          answerLost(m, "it is being started again");
          return Behaviors.same();
        })
        .onMessage(StartAgain.class, m -> starting(next, open, true))
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
}
