package org.dmtcp.akka.agent.node;

import akka.actor.typed.ActorRef;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.dmtcp.akka.agent.engine.EngineAnswer;
import org.dmtcp.akka.agent.engine.EngineCodec;
import org.dmtcp.akka.agent.engine.EngineEvent;
import org.dmtcp.akka.agent.engine.EngineMember;
import org.dmtcp.akka.agent.engine.EngineRequest;
import org.dmtcp.akka.agent.engine.HostProcess;
import org.dmtcp.akka.agent.node.NodeAgent.Adopt;
import org.dmtcp.akka.agent.node.NodeAgent.Adopted;
import org.dmtcp.akka.agent.node.NodeAgent.Built;
import org.dmtcp.akka.agent.node.NodeAgent.Enroll;
import org.dmtcp.akka.agent.node.NodeAgent.GenerationsSeen;
import org.dmtcp.akka.agent.node.NodeAgent.GivenUp;
import org.dmtcp.akka.agent.node.NodeAgent.LookNow;
import org.dmtcp.akka.agent.node.NodeAgent.Refreshed;
import org.dmtcp.akka.agent.node.NodeAgent.Released;
import org.dmtcp.akka.protocol.CoordinatorRequest;
import org.dmtcp.akka.protocol.NodeEvent;
import org.dmtcp.akka.protocol.ProcessInfo;
import org.dmtcp.akka.protocol.WorkerState;

/** Who belongs to the computation on this host, and who is told of it. */
final class NodeMembers extends NodeAgentPart {
  private final RegistryFile registry;

  NodeMembers(Tools tools) {
    super(tools);
    this.registry = new RegistryFile(environment.socket());
  }

  NodeState onEnroll(Enroll enroll, NodeState state) {
    environment.coordinator().tell(new CoordinatorRequest.Register(
        enroll.member().info(environment.node(), WorkerState.RUNNING), enroll.interval(),
        enroll.replyTo()));
    return state.joining(enroll.member());
  }

  NodeState onAdopt(Adopt adopt, NodeState state) {
    NodeState now = adopted(List.of(adopt.member()), List.of(), state);
    adopt.replyTo().tell(new Adopted());
    return now;
  }

  NodeState onBuilt(Built built, NodeState state) {
    List<Built> all = new ArrayList<>(state.built());
    all.add(built);
    return state.withBuilt(all);
  }

  NodeState onReleased(Released released, NodeState state) {
    NodeState now = adoptBuilt(state);
    released.replyTo().tell(new Adopted());
    return now;
  }

  NodeState onGivenUp(GivenUp gone, NodeState state) {
    return state.withBuilt(state.built().stream().filter(b -> !b.equals(gone.built())).toList());
  }

  /** A round begins only when a restart is over: its members are let go, whoever says it first. */
  NodeState adoptBuilt(NodeState state) {
    if (state.built().isEmpty()) {
      return state;
    }
    return adopted(state.built().stream().flatMap(b -> b.members().stream()).toList(),
        state.built().stream().flatMap(b -> b.namespaceInits().stream()).toList(),
        state.withBuilt(List.of()));
  }

  private NodeState adopted(
      List<Member> members, List<HostProcess> namespaceInits, NodeState state) {
    NodeState now = state;
    for (Member member : members) {
      now = now.with(now.membership().with(member)).notJoining(member.process());
      watch(member.process());
    }
    for (HostProcess init : namespaceInits) {
      now = now.with(now.membership().withNamespace(init));
    }
    String computationId = now.computationId();
    context.pipeToSelf(
        CompletableFuture.supplyAsync(
            () -> KeptGenerations.last(members, computationId), blocking),
        (last, e) -> new GenerationsSeen(last == null ? 0 : last));
    return tell(save(now));
  }

  NodeState onAsk(NodeAgent.Ask ask, NodeState state) {
    Optional<Member> member = state.membership().get(ask.process());
    ask.replyTo().tell(new NodeAgent.Known(ask.process(), member, state.computationId(), state.generation()));
    boolean quiet = state.rounds().isEmpty() && !state.membership().isEmpty();
    return member.isEmpty() && quiet ? scan(state) : state;
  }

  NodeState onMoveImages(NodeAgent.MoveImages order, NodeState state) {
    return state.membership().get(order.process())
        .map(m -> save(state.with(state.membership().with(m.withCheckpointDir(order.directory())))))
        .orElse(state);
  }

  void watch(HostProcess process) {
    submit(new EngineRequest.Watch(process));
  }

  NodeState onEngine(EngineEvent event, NodeState state) {
    if (event instanceof EngineEvent.Exited e) {
      return scan(state.with(state.membership().without(e.process())));
    }
    state.membership().processes().forEach(this::watch);
    return state.membership().isEmpty() ? state : scan(state);
  }

  NodeState onAnswer(EngineAnswer answer, NodeState state) {
    if (answer.request() instanceof EngineRequest.Scan) {
      return onScanned(answer, state);
    }
    if (answer.request() instanceof EngineRequest.Watch w && !answer.ok()
        && answer.failure().id().equals("no-such-process")) {
      return scan(state.with(state.membership().without(w.process())));
    }
    return state;
  }

  NodeState onRefresh(ActorRef<Refreshed> replyTo, NodeState state) {
    boolean fresh = state.scan().asked() == null
        && System.nanoTime() - state.scan().endedNanos() < settings.scanAge().toNanos();
    Runnable reply = () -> replyTo.tell(new Refreshed());
    if (fresh || isSettled(state)) {
      reply.run();
      return state;
    }
    return afterScan(reply, state);
  }

  /** In a round the programs stand still: nobody comes or goes. */
  private static boolean isSettled(NodeState state) {
    return state.membership().isEmpty() || !state.rounds().isEmpty();
  }

  /** A look that has begun already may have missed what the coordinator asks for. */
  NodeState onLookAround(long question, NodeState state) {
    return state.scan().asked() == null || isSettled(state) ? look(question, state)
        : afterScan(() -> context.getSelf().tell(new LookNow(question)), state);
  }

  NodeState look(long question, NodeState state) {
    Runnable reply = () -> environment.coordinator().tell(
        new NodeEvent.LookedAround(environment.node(), question));
    if (isSettled(state)) {
      reply.run();
      return state;
    }
    return afterScan(reply, state);
  }

  /** After the look that is going on, or else a new one. */
  private NodeState afterScan(Runnable then, NodeState state) {
    NodeState.Scan scan = state.scan();
    List<Runnable> waiting = new ArrayList<>(scan.waiting());
    waiting.add(then);
    NodeState now = state.with(
        new NodeState.Scan(scan.asked(), scan.again(), List.copyOf(waiting), scan.endedNanos()));
    return scan.asked() == null ? scan(now) : now;
  }

  /** Looks after the members; when that is going on, once more afterwards. */
  NodeState scan(NodeState state) {
    NodeState.Scan scan = state.scan();
    if (scan.asked() != null) {
      return state.with(new NodeState.Scan(scan.asked(), true, scan.waiting(), scan.endedNanos()));
    }
    List<HostProcess> processes = state.membership().processes();
    submit(new EngineRequest.Scan(state.computationId(), environment.coordinatorPort(),
        processes, state.membership().namespaceInits()));
    return state.with(
        new NodeState.Scan(Set.copyOf(processes), false, scan.waiting(), scan.endedNanos()));
  }

  private NodeState onScanned(EngineAnswer answer, NodeState state) {
    NodeState.Scan scan = state.scan();
    NodeState now = state;
    if (answer.ok()) {
      now = changed(state,
          merge(state, scan.asked(), EngineCodec.members(answer.body())));
    } else {
      context.getLog().warn("scan: {}", answer.failure());
    }
    scan.waiting().forEach(Runnable::run);
    now = now.with(new NodeState.Scan(null, false, List.of(), System.nanoTime()));
    return scan.again() ? scan(now) : now;
  }

  Membership merge(NodeState state, Set<HostProcess> asked, List<EngineMember> members) {
    return state.membership().merged(asked, members, proc, uniquePids::of);
  }

  /** Watches who is new. */
  NodeState changed(NodeState state, Membership now) {
    now.processes().stream().filter(p -> !state.membership().contains(p)).forEach(this::watch);
    return tell(state.with(now));
  }

  /** Tells the coordinator and the registry if anything is different from what they know. */
  NodeState tell(NodeState state) {
    List<ProcessInfo> infos = infos(state);
    if (infos.equals(state.reported())) {
      return state;
    }
    environment.coordinator().tell(new NodeEvent.ProcessesChanged(environment.node(), infos));
    return save(state.reported(infos));
  }

  List<ProcessInfo> infos(NodeState state) {
    Map<HostProcess, Member> all = new LinkedHashMap<>(state.joining());
    state.membership().members().forEach(m -> all.put(m.process(), m));
    return all.values().stream()
        .map(m -> m.info(environment.node(), WorkerState.RUNNING)).toList();
  }

  NodeState save(NodeState state) {
    RegistryFile.Content content = new RegistryFile.Content(
        state.computationId(), state.generation(), state.membership());
    CompletableFuture.runAsync(() -> {
      try {
        registry.save(state.changes(), content);
      } catch (IOException e) {
        context.getSystem().log().warn("registry: {}", e.getMessage());
      }
    }, blocking);
    return state;
  }

  Optional<RegistryFile.Content> registered() throws IOException {
    return registry.load();
  }
}
