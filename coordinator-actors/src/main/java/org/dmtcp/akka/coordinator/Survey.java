package org.dmtcp.akka.coordinator;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.TimerScheduler;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import org.dmtcp.akka.protocol.Actors;
import org.dmtcp.akka.protocol.CoordinatorRequest;
import org.dmtcp.akka.protocol.NodeCommand;
import org.dmtcp.akka.protocol.Receiving;

/**
 * Before the coordinator says who is there, the nodes look: what a program has started is no news
 * by itself. Every question comes back to {@code replyTo} as {@code Coordinator.Surveyed}, at the
 * latest after the limit, with whoever has not answered left as he was known.
 */
final class Survey {
  sealed interface Command {}

  record Ask(CoordinatorRequest request, Map<String, ActorRef<NodeCommand>> nodes)
      implements Command {}

  record Looked(String node, long question) implements Command {}

  /** The node will not answer any more. */
  record Gone(String node) implements Command {}

  private record LimitElapsed(long question) implements Command {}

  /** @param missing nodes that have not answered, never empty */
  private record Open(CoordinatorRequest request, Set<String> missing) {
    Open without(String node) {
      Set<String> rest = new HashSet<>(missing);
      rest.remove(node);
      return new Open(request, rest);
    }
  }

  private final TimerScheduler<Command> timers;
  private final Duration limit;
  private final ActorRef<Coordinator.Command> replyTo;

  static Behavior<Command> create(Duration limit, ActorRef<Coordinator.Command> replyTo) {
    return Actors.withTimers(
        (context, timers) -> new Survey(timers, limit, replyTo).asking(0, Map.of()));
  }

  private Survey(
      TimerScheduler<Command> timers, Duration limit, ActorRef<Coordinator.Command> replyTo) {
    this.timers = timers;
    this.limit = limit;
    this.replyTo = replyTo;
  }

  /** @param last question that was asked; the number of none that is open comes again */
  private Behavior<Command> asking(long last, Map<Long, Open> open) {
    return Receiving.of(Command.class)
        .onMessage(Ask.class, m -> onAsk(m, last + 1, open))
        .onMessage(Looked.class, m -> onAnswer(m.node(), id -> id == m.question(), last, open))
        .onMessage(Gone.class, m -> onAnswer(m.node(), id -> true, last, open))
        .onMessage(LimitElapsed.class, m -> {
          Map<Long, Open> rest = new HashMap<>(open);
          Open late = rest.remove(m.question());
          replyTo.tell(new Coordinator.Surveyed(late.request()));
          return asking(last, rest);
        })
        .build();
  }

  private Behavior<Command> onAsk(Ask ask, long question, Map<Long, Open> open) {
    if (ask.nodes().isEmpty()) {
      replyTo.tell(new Coordinator.Surveyed(ask.request()));
      return Behaviors.same();
    }
    timers.startSingleTimer(question, new LimitElapsed(question), limit);
    ask.nodes().values().forEach(agent -> agent.tell(new NodeCommand.LookAround(question)));
    Map<Long, Open> more = new HashMap<>(open);
    more.put(question, new Open(ask.request(), ask.nodes().keySet()));
    return asking(question, more);
  }

  private Behavior<Command> onAnswer(
      String node, Predicate<Long> which, long last, Map<Long, Open> open) {
    Map<Long, Open> rest = new HashMap<>(open);
    open.forEach((question, asked) -> {
      Open now = which.test(question) ? asked.without(node) : asked;
      rest.put(question, now);
      if (now.missing().isEmpty()) {
        rest.remove(question);
        timers.cancel(question);
        replyTo.tell(new Coordinator.Surveyed(now.request()));
      }
    });
    return asking(last, rest);
  }
}
