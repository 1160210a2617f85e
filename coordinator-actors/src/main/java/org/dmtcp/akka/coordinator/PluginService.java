package org.dmtcp.akka.coordinator;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.DispatcherSelector;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.TimerScheduler;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.dmtcp.akka.protocol.CoordinatorReply;
import org.dmtcp.akka.protocol.CoordinatorReply.BarrierOpened;
import org.dmtcp.akka.protocol.CoordinatorReply.Refused;
import org.dmtcp.akka.protocol.CoordinatorRequest;
import org.dmtcp.akka.protocol.CoordinatorRequest.AccessKeyValue;
import org.dmtcp.akka.protocol.CoordinatorRequest.EnterBarrier;
import org.dmtcp.akka.protocol.Failure;
import org.dmtcp.akka.protocol.Receiving;

/** What processes with plugins do together over all hosts: barriers and the key-value store. */
final class PluginService {
  sealed interface Command {}

  record Asked(CoordinatorRequest.Shared request) implements Command {}

  /** A node has so many processes with plugins now; 0 when it is lost. */
  record Counted(String node, int processes) implements Command {}

  /** Another computation, or another life of the same one: nothing of before is true. */
  record Forget() implements Command {}

  /** The store goes to a file, if that was asked for ({@code --write-kv-data}). */
  record Write(String computationId) implements Command {}

  private record AskerGone(String barrier, String uniquePid, ActorRef<CoordinatorReply> asker)
      implements Command {}

  private record BarrierTimedOut(String barrier) implements Command {}

  /**
   * @param barrierLimit from the first who comes to the last
   * @param dump where the store is written, if anywhere
   */
  record Settings(
      Duration barrierLimit, long storeBytes, long valueBytes, Optional<Path> dump) {}

  /** Who waits, by unique pid. */
  private record Barrier(int expected, Map<String, ActorRef<CoordinatorReply>> waiting) {}

  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss.SSS");

  private final ActorContext<Command> context;
  private final TimerScheduler<Command> timers;
  private final Settings settings;
  private final KeyValueStore store;

  static Behavior<Command> create(Settings settings) {
    return Behaviors.setup(context -> Behaviors.withTimers(
        timers -> new PluginService(context, timers, settings).serving(Map.of(), Map.of())));
  }

  private PluginService(
      ActorContext<Command> context, TimerScheduler<Command> timers, Settings settings) {
    this.context = context;
    this.timers = timers;
    this.settings = settings;
    this.store = new KeyValueStore(settings.storeBytes(), settings.valueBytes());
  }

  /** @param processes with plugins, by node */
  private Behavior<Command> serving(
      Map<String, Barrier> barriers, Map<String, Integer> processes) {
    return Receiving.of(Command.class)
        .onMessage(Asked.class, m -> m.request() instanceof AccessKeyValue, m -> {
          m.request().replyTo().tell(store.access((AccessKeyValue) m.request()));
          return Behaviors.same();
        })
        .onMessage(Asked.class, m -> onEnter((EnterBarrier) m.request(), barriers, processes))
        .onMessage(Counted.class, m -> {
          Map<String, Integer> now = new HashMap<>(processes);
          now.put(m.node(), m.processes());
          return serving(opened(barriers, now), now);
        })
        .onMessage(AskerGone.class, m -> serving(without(barriers, m), processes))
        .onMessage(BarrierTimedOut.class, m -> onTimeout(m.barrier(), barriers, processes))
        .onMessage(Forget.class, m -> onForget(barriers, processes))
        .onMessage(Write.class, m -> onWrite(m.computationId()))
        .build();
  }

  private Behavior<Command> onEnter(
      EnterBarrier request, Map<String, Barrier> barriers, Map<String, Integer> processes) {
    Barrier known = barriers.get(request.name());
    Map<String, ActorRef<CoordinatorReply>> waiting =
        known == null ? new LinkedHashMap<>() : new LinkedHashMap<>(known.waiting());
    if (waiting.containsKey(request.uniquePid())) {
      request.replyTo().tell(new Refused(new Failure("bad-request",
          "process " + request.uniquePid() + " waits already at barrier " + request.name())));
      return Behaviors.same();
    }
    if (known == null) {
      timers.startSingleTimer(
          request.name(), new BarrierTimedOut(request.name()), settings.barrierLimit());
    }
    waiting.put(request.uniquePid(), request.replyTo());
    context.watchWith(request.replyTo(),
        new AskerGone(request.name(), request.uniquePid(), request.replyTo()));
    int expected = known == null
        ? request.expected() : Math.max(known.expected(), request.expected());
    Map<String, Barrier> now = new HashMap<>(barriers);
    now.put(request.name(), new Barrier(expected, waiting));
    return serving(opened(now, processes), processes);
  }

  /** Lets everybody go who waits at a barrier to which all have come. */
  private Map<String, Barrier> opened(
      Map<String, Barrier> barriers, Map<String, Integer> processes) {
    int all = processes.values().stream().mapToInt(Integer::intValue).sum();
    Map<String, Barrier> closed = new HashMap<>();
    barriers.forEach((name, b) -> {
      int expected = b.expected() > 0 ? b.expected() : all;
      if (b.waiting().size() < expected) {
        closed.put(name, b);
        return;
      }
      timers.cancel(name);
      b.waiting().values().forEach(asker -> tell(asker, new BarrierOpened(name)));
    });
    return closed;
  }

  private void tell(ActorRef<CoordinatorReply> asker, CoordinatorReply reply) {
    context.unwatch(asker);
    asker.tell(reply);
  }

  private Map<String, Barrier> without(Map<String, Barrier> barriers, AskerGone gone) {
    Barrier b = barriers.get(gone.barrier());
    if (b == null || !gone.asker().equals(b.waiting().get(gone.uniquePid()))) {
      return barriers;
    }
    Map<String, ActorRef<CoordinatorReply>> left = new LinkedHashMap<>(b.waiting());
    left.remove(gone.uniquePid());
    Map<String, Barrier> now = new HashMap<>(barriers);
    if (left.isEmpty()) {
      timers.cancel(gone.barrier());
      now.remove(gone.barrier());
    } else {
      now.put(gone.barrier(), new Barrier(b.expected(), left));
    }
    return now;
  }

  private Behavior<Command> onTimeout(
      String name, Map<String, Barrier> barriers, Map<String, Integer> processes) {
    Map<String, Barrier> left = new HashMap<>(barriers);
    Barrier late = left.remove(name);
    if (late != null) {
      refuse(late, "only " + late.waiting().size() + " process(es) came to it in time");
    }
    return serving(left, processes);
  }

  private Behavior<Command> onForget(
      Map<String, Barrier> barriers, Map<String, Integer> processes) {
    store.clear();
    barriers.forEach((name, b) -> {
      timers.cancel(name);
      refuse(b, "the computation is another one now");
    });
    return serving(Map.of(), processes);
  }

  private void refuse(Barrier barrier, String text) {
    barrier.waiting().values()
        .forEach(asker -> tell(asker, new Refused(new Failure("phase-timeout", text))));
  }

  private Behavior<Command> onWrite(String computationId) {
    if (settings.dump().isEmpty()) {
      return Behaviors.same();
    }
    Path file = settings.dump().get().resolve("dmtcp_coordinator_db-" + computationId + "-"
        + TIME.format(LocalDateTime.now()) + ".json");
    String text = store.toJson().toPrettyString() + "\n";
    CompletableFuture.runAsync(() -> {
      try {
        Files.writeString(file, text);
      } catch (IOException e) {
        context.getSystem().log().warn("the key-value store: {}", e.toString());
      }
    }, context.getSystem().dispatchers().lookup(DispatcherSelector.blocking()));
    return Behaviors.same();
  }
}
