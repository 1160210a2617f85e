package bench;

import akka.actor.typed.ActorRef;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.Behavior;
import akka.actor.typed.BehaviorInterceptor;
import akka.actor.typed.TypedActorContext;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Adapter;
import akka.actor.typed.javadsl.Behaviors;
import akka.serialization.Serialization;
import akka.serialization.SerializationExtension;
import akka.serialization.Serializer;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import org.dmtcp.akka.protocol.CoordinatorMessage;
import org.dmtcp.akka.protocol.NodeCommand;
import org.dmtcp.akka.protocol.NodeEvent;
import org.dmtcp.akka.protocol.WireMessage;

/**
 * What lies between the coordinator and the node agents: every message becomes bytes and a message
 * again, as between JVMs, and is counted under the phase that the coordinator has ordered last.
 */
final class Wire {
  /** Of one phase. */
  static final class Traffic {
    final LongAdder messages = new LongAdder();
    final LongAdder bytes = new LongAdder();
  }

  private final Map<String, Traffic> traffic = new ConcurrentHashMap<>();
  private final Map<String, Long> begun = new ConcurrentHashMap<>();
  private volatile String phase = "";
  private volatile Serialization serialization;

  void use(ActorSystem<?> system) {
    serialization = SerializationExtension.get(Adapter.toClassic(system));
  }

  /** Forgets what was counted. */
  void reset() {
    traffic.clear();
    begun.clear();
    phase = "";
  }

  Map<String, Traffic> traffic() {
    return traffic;
  }

  /** When the first message of each phase arrived, System.nanoTime(). */
  Map<String, Long> begun() {
    return begun;
  }

  private <T extends WireMessage> T carry(T message, Class<T> type) {
    Serializer serializer = serialization.findSerializerFor(message);
    byte[] bytes = serializer.toBinary(message);
    Traffic t = traffic.computeIfAbsent(phase, p -> new Traffic());
    t.messages.increment();
    t.bytes.add(bytes.length);
    return type.cast(serializer.fromBinary(bytes));
  }

  private void look(NodeCommand command) {
    String name =
        command instanceof NodeCommand.BeginRound ? "PREPARE"
            : command instanceof NodeCommand.EnterPhase e ? e.phase().name()
            : command instanceof NodeCommand.EnterStop ? "FREEZE"
            : command instanceof NodeCommand.StageManifest ? "COMMIT"
            : command instanceof NodeCommand.CommitRound ? "names" : "";
    if (!name.isEmpty() && begun.putIfAbsent(name, System.nanoTime()) == null) {
      phase = name;
    }
  }

  /** A node agent at the far end. */
  Behavior<NodeCommand> far(Behavior<NodeCommand> agent) {
    return Behaviors.intercept(() -> new BehaviorInterceptor<NodeCommand, NodeCommand>(
        NodeCommand.class) {
      @Override
      public Behavior<NodeCommand> aroundReceive(TypedActorContext<NodeCommand> context,
          NodeCommand message, ReceiveTarget<NodeCommand> target) {
        look(message);
        NodeCommand arrived = carry(message, NodeCommand.class);
        if (arrived instanceof NodeCommand.BeginRound b) {
          arrived = new NodeCommand.BeginRound(
              b.plan(), b.limit(), back(context.asJava(), b.replyTo()));
        } else if (arrived instanceof NodeCommand.AbortRound a) {
          arrived = new NodeCommand.AbortRound(
              a.roundId(), a.reason(), back(context.asJava(), a.replyTo()));
        }
        return target.apply(context, arrived);
      }
    }, agent);
  }

  private ActorRef<NodeEvent> back(ActorContext<?> context, ActorRef<NodeEvent> round) {
    return context.spawnAnonymous(Behaviors.setup(c -> {
      c.watch(round);
      return Behaviors.receive(NodeEvent.class)
          .onAnyMessage(m -> {
            round.tell((NodeEvent) carry(m, CoordinatorMessage.class));
            return Behaviors.same();
          })
          .onSignal(akka.actor.typed.Terminated.class, s -> Behaviors.stopped())
          .build();
    }));
  }

  /** The coordinator as a node agent sees it. */
  Behavior<CoordinatorMessage> near(ActorRef<CoordinatorMessage> coordinator) {
    return Behaviors.receiveMessage(m -> {
      coordinator.tell(carry(m, CoordinatorMessage.class));
      return Behaviors.same();
    });
  }
}
