package org.dmtcp.akka.coordinator;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.TimerScheduler;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.dmtcp.akka.protocol.CoordinatorReply;
import org.dmtcp.akka.protocol.CoordinatorRequest.PublishNames;
import org.dmtcp.akka.protocol.CoordinatorRequest.ResolveNames;
import org.dmtcp.akka.protocol.NameValue;
import org.dmtcp.akka.protocol.Receiving;

/**
 * Where the hosts of one restart meet: who accepts a connection publishes where, who connects asks
 * and waits. Lives as long as the restart; who still waits then is told what is there.
 */
final class NameService {
  sealed interface Command {}

  record Publish(PublishNames request) implements Command {}

  record Resolve(ResolveNames request) implements Command {}

  /** Nobody who has not published by now will: the restart goes on without the missing. */
  record GiveUp() implements Command {}

  private record LimitPassed(long number) implements Command {}

  /** A question that is not answered yet. */
  private static final class Question {
    private final ResolveNames request;
    private final Set<String> unknown;

    Question(ResolveNames request, Set<String> unknown) {
      this.request = request;
      this.unknown = unknown;
    }
  }

  // Unlike other actors of ours this one changes in place: a hundred thousand names are no state to
  // be copied with every message.
  private final ActorContext<Command> context;
  private final TimerScheduler<Command> timers;
  private final Map<String, NameValue> names = new HashMap<>();
  private final Map<Long, Question> questions = new LinkedHashMap<>();
  private final Map<String, List<Long>> waiting = new HashMap<>();
  private long asked;
  private boolean complete;

  static Behavior<Command> create() {
    return Behaviors.setup(
        context ->
            Behaviors.withTimers(timers -> new NameService(context, timers).serving()));
  }

  private NameService(ActorContext<Command> context, TimerScheduler<Command> timers) {
    this.context = context;
    this.timers = timers;
  }

  private Behavior<Command> serving() {
    return Receiving.of(Command.class)
        .onMessage(Publish.class, m -> onPublish(m.request()))
        .onMessage(Resolve.class, m -> onResolve(m.request()))
        .onMessage(LimitPassed.class, m -> onLimit(m.number()))
        .onMessage(GiveUp.class, m -> onGiveUp())
        .onAnyMessage(this::ignore)
        .build();
  }

  private Behavior<Command> onPublish(PublishNames request) {
    for (NameValue name : request.names()) {
      names.put(name.name(), name);
      List<Long> waiters = waiting.remove(name.name());
      if (waiters != null) {
        waiters.forEach(number -> known(number, name.name()));
      }
    }
    request.replyTo().tell(new CoordinatorReply.Accepted(request.names().size()));
    return Behaviors.same();
  }

  private void known(long number, String name) {
    Question question = questions.get(number);
    if (question != null && question.unknown.remove(name) && question.unknown.isEmpty()) {
      answer(number);
    }
  }

  private Behavior<Command> onResolve(ResolveNames request) {
    Set<String> unknown = new HashSet<>(request.names());
    unknown.removeAll(names.keySet());
    long number = ++asked;
    questions.put(number, new Question(request, unknown));
    if (unknown.isEmpty() || complete) {
      answer(number);
      return Behaviors.same();
    }
    unknown.forEach(name -> waiting.computeIfAbsent(name, n -> new ArrayList<>()).add(number));
    timers.startSingleTimer(number, new LimitPassed(number), request.limit());
    return Behaviors.same();
  }

  private Behavior<Command> onLimit(long number) {
    if (questions.containsKey(number)) {
      answer(number);
    }
    return Behaviors.same();
  }

  private Behavior<Command> onGiveUp() {
    complete = true;
    List.copyOf(questions.keySet()).forEach(this::answer);
    return Behaviors.same();
  }

  private void answer(long number) {
    Question question = questions.remove(number);
    timers.cancel(number);
    for (String name : question.unknown) {
      List<Long> waiters = waiting.get(name);
      if (waiters != null && waiters.remove(number) && waiters.isEmpty()) {
        waiting.remove(name);
      }
    }
    ActorRef<CoordinatorReply> asker = question.request.replyTo();
    asker.tell(
        new CoordinatorReply.NamesResolved(
            question.request.names().stream().filter(names::containsKey).map(names::get).toList(),
            question.request.names().stream().filter(n -> !names.containsKey(n)).toList()));
  }

  private Behavior<Command> ignore(Command message) {
    context.getLog().debug("name service: ignored {}", message);
    return Behaviors.same();
  }
}
