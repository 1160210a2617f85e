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
import java.util.List;
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

  /** Who waits, by unique pid. Changes in place: ten thousand may come at once. */
  private static final class Barrier {
    final Map<String, ActorRef<CoordinatorReply>> waiting = new LinkedHashMap<>();
    int expected;
  }

  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss.SSS");

  private final ActorContext<Command> context;
  private final TimerScheduler<Command> timers;
  private final Settings settings;
  private final KeyValueStore store;
  private final Map<String, Barrier> barriers = new HashMap<>();
  private final Map<String, Integer> processes = new HashMap<>(); // with plugins, by node

  static Behavior<Command> create(Settings settings) {
    return Behaviors.setup(context -> Behaviors.withTimers(
        timers -> new PluginService(context, timers, settings).serving()));
  }

  private PluginService(
      ActorContext<Command> context, TimerScheduler<Command> timers, Settings settings) {
    this.context = context;
    this.timers = timers;
    this.settings = settings;
    this.store = new KeyValueStore(settings.storeBytes(), settings.valueBytes());
  }

  private Behavior<Command> serving() {
    return Receiving.of(Command.class)
        .onMessage(Asked.class, m -> m.request() instanceof AccessKeyValue, m -> {
          m.request().replyTo().tell(store.access((AccessKeyValue) m.request()));
          return Behaviors.same();
        })
        .onMessage(Asked.class, m -> onEnter((EnterBarrier) m.request()))
        .onMessage(Counted.class, m -> {
          processes.put(m.node(), m.processes());
          List.copyOf(barriers.keySet()).forEach(this::openIfAllAreThere);
          return Behaviors.same();
        })
        .onMessage(AskerGone.class, this::onAskerGone)
        .onMessage(BarrierTimedOut.class, m -> onTimeout(m.barrier()))
        .onMessage(Forget.class, m -> onForget())
        .onMessage(Write.class, m -> onWrite(m.computationId()))
        .build();
  }

  private Behavior<Command> onEnter(EnterBarrier request) {
    String name = request.name();
    Barrier barrier = barriers.computeIfAbsent(name, n -> new Barrier());
    if (barrier.waiting.containsKey(request.uniquePid())) {
      request.replyTo().tell(new Refused(new Failure("bad-request",
          "process " + request.uniquePid() + " waits already at barrier " + name)));
      return Behaviors.same();
    }
    if (barrier.waiting.isEmpty()) {
      timers.startSingleTimer(name, new BarrierTimedOut(name), settings.barrierLimit());
    }
    barrier.waiting.put(request.uniquePid(), request.replyTo());
    barrier.expected = Math.max(barrier.expected, request.expected());
    context.watchWith(request.replyTo(),
        new AskerGone(name, request.uniquePid(), request.replyTo()));
    openIfAllAreThere(name);
    return Behaviors.same();
  }

  private void openIfAllAreThere(String name) {
    Barrier barrier = barriers.get(name);
    int all = barrier.expected > 0
        ? barrier.expected : processes.values().stream().mapToInt(Integer::intValue).sum();
    if (barrier.waiting.size() >= all) {
      close(name);
      barrier.waiting.values().forEach(asker -> tell(asker, new BarrierOpened(name)));
    }
  }

  private void close(String name) {
    timers.cancel(name);
    barriers.remove(name);
  }

  private void tell(ActorRef<CoordinatorReply> asker, CoordinatorReply reply) {
    context.unwatch(asker);
    asker.tell(reply);
  }

  private Behavior<Command> onAskerGone(AskerGone gone) {
    Barrier barrier = barriers.get(gone.barrier());
    if (barrier != null && barrier.waiting.remove(gone.uniquePid(), gone.asker())
        && barrier.waiting.isEmpty()) {
      close(gone.barrier());
    }
    return Behaviors.same();
  }

  private Behavior<Command> onTimeout(String name) {
    Barrier late = barriers.remove(name);
    if (late != null) {
      refuse(late, "only " + late.waiting.size() + " process(es) came to it in time");
    }
    return Behaviors.same();
  }

  private Behavior<Command> onForget() {
    store.clear();
    for (String name : List.copyOf(barriers.keySet())) {
      Barrier barrier = barriers.get(name);
      close(name);
      refuse(barrier, "the computation is another one now");
    }
    return Behaviors.same();
  }

  private void refuse(Barrier barrier, String text) {
    barrier.waiting.values()
        .forEach(asker -> tell(asker, new Refused(new Failure("phase-timeout", text))));
  }

  /** Half of it would be no JSON. */
  private void removeRest(Path file) {
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      context.getSystem().log().warn("{}: {}", file, FileFailures.reason(e));
    }
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
        context.getSystem().log().warn("the key-value store: {}: {}", file, FileFailures.reason(e));
        removeRest(file);
      }
    }, context.getSystem().dispatchers().lookup(DispatcherSelector.blocking()));
    return Behaviors.same();
  }
}
