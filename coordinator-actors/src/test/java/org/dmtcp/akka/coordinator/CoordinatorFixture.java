package org.dmtcp.akka.coordinator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.testkit.typed.javadsl.ManualTime;
import akka.actor.testkit.typed.javadsl.TestProbe;
import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.Terminated;
import akka.actor.typed.javadsl.Behaviors;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;
import org.dmtcp.akka.protocol.AgentId;
import org.dmtcp.akka.protocol.CoordinatorMessage;
import org.dmtcp.akka.protocol.CoordinatorReply;
import org.dmtcp.akka.protocol.CoordinatorRequest;
import org.dmtcp.akka.protocol.ImageInfo;
import org.dmtcp.akka.protocol.NodeCommand;
import org.dmtcp.akka.protocol.NodeEvent;
import org.dmtcp.akka.protocol.Phase;
import org.dmtcp.akka.protocol.ProcessInfo;
import org.dmtcp.akka.protocol.RestartMember;
import org.dmtcp.akka.protocol.RoundPlan;
import org.dmtcp.akka.protocol.WorkerState;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A coordinator whose node and clients are played by the test. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
abstract class CoordinatorFixture {
  @TempDir Path dir;
  final ActorTestKit kit =
      ActorTestKit.create(ManualTime.config().withFallback(ConfigFactory.load()));
  final ManualTime time = ManualTime.get(kit.system());
  final TestProbe<CoordinatorReply> client = kit.createTestProbe();
  final TestProbe<NodeCommand> node = kit.createTestProbe();
  final CompletableFuture<ActorRef<CoordinatorMessage>> ready = new CompletableFuture<>();
  final CompletableFuture<Coordinator.Ending> ending = new CompletableFuture<>();
  final ConcurrentLinkedQueue<String> notes = new ConcurrentLinkedQueue<>();
  final ReentrantLock noting = new ReentrantLock();
  ActorRef<Coordinator.Command> actor;
  ActorRef<CoordinatorMessage> coordinator;

  @AfterEach
  void shutDown() {
    kit.shutdownTestKit();
  }

  // ---- what the tests do

  /** With node {@code a}, played by the probe. */
  void start(String more) throws Exception {
    spawn(
        more,
        reference -> {
          reference.tell(new NodeEvent.NodeJoined("a", "", 0, List.of(), agent("a", node)));
          return Behaviors.ignore();
        });
    coordinator = ready.get(10, TimeUnit.SECONDS);
    assertEquals(new NodeCommand.Welcome("", 0), node.receiveMessage());
  }

  void spawn(
      String more, Function<ActorRef<CoordinatorMessage>, Behavior<NodeCommand>> ownNode) {
    Config config =
        ConfigFactory.parseString(more).withFallback(ConfigFactory.load().getConfig("dmtcp"));
    config =
        ConfigFactory.parseMap(Map.of("coordinator.ckptdir", dir.toString()))
            .withFallback(config)
            .resolve();
    actor =
        kit.spawn(
            Coordinator.create(new CoordinatorParts(
                CoordinatorSettings.of(config, "a", "127.0.0.1", 7779),
                new RestartScript("/bin/dmtcp_restart"),
                this::note,
                ownNode::apply,
                ready,
                ending)));
  }

  /** Sees at once who is there, which the probe is not told of; ends with the probe. */
  ActorRef<NodeCommand> agent(String host, TestProbe<NodeCommand> probe) {
    return kit.spawn(Behaviors.setup(context -> {
      context.watch(probe.ref());
      return Behaviors.receive(NodeCommand.class)
          .onMessage(NodeCommand.LookAround.class, m -> {
            coordinator.tell(new NodeEvent.LookedAround(host, m.question()));
            return Behaviors.same();
          })
          .onAnyMessage(m -> {
            probe.ref().tell(m);
            return Behaviors.same();
          })
          .onSignal(Terminated.class, s -> Behaviors.stopped())
          .build();
    }));
  }

  private void note(String text) {
    notes.add(text);
    noting.lock(); // the coordinator waits here while a test holds it
    noting.unlock();
  }

  /** In this order, and the first is not handled before the last has come. */
  void tellTogether(Coordinator.Command... commands) {
    TestProbe<NodeCommand> other = kit.createTestProbe();
    noting.lock();
    try {
      coordinator.tell(
          new NodeEvent.NodeJoined("b", "", 0, List.of(process("b", "p9")), agent("b", other)));
      other.expectMessageClass(NodeCommand.Welcome.class);
      other.stop();
      awaitNote("Host b with 1 process(es) was lost");
      List.of(commands).forEach(actor::tell);
    } finally {
      noting.unlock();
    }
  }

  static CheckpointRound.Committed committed(NodeCommand.BeginRound begin) {
    RoundPlan plan = begin.plan();
    Manifest manifest =
        new Manifest(
            plan.computationId(), plan.generation(), plan.manifestId(), 0, "", Instant.EPOCH,
            "a", 7779, 0, List.of());
    return new CheckpointRound.Committed(plan.roundId(), manifest, 0, Optional.empty(), List.of());
  }

  Coordinator.Ending end() throws Exception {
    return ending.get(10, TimeUnit.SECONDS);
  }

  static ProcessInfo process(String host, String uniquePid) {
    return new ProcessInfo(
        new AgentId(host, 7, 1), uniquePid, 7, 0, "prog", WorkerState.RUNNING);
  }

  void register(String uniquePid) {
    coordinator.tell(
        new CoordinatorRequest.Register(
            process("a", uniquePid), CoordinatorRequest.UNCHANGED, client.ref()));
    assertEquals(
        uniquePid,
        client.expectMessageClass(CoordinatorReply.Registered.class).uniquePid());
  }

  void changed(ProcessInfo... processes) {
    coordinator.tell(new NodeEvent.ProcessesChanged("a", List.of(processes)));
  }

  void begin(String computationId, long generation) {
    begin(computationId, generation, client.ref());
  }

  void begin(String computationId, long generation, ActorRef<CoordinatorReply> asker) {
    coordinator.tell(
        new CoordinatorRequest.BeginRestart(
            "a", computationId, generation, "m", 1,
            List.of(new RestartMember("p1", 7, "prog", "a")),
            CoordinatorRequest.UNCHANGED, asker));
  }

  CoordinatorReply.Status status() {
    TestProbe<CoordinatorReply> asker = kit.createTestProbe();
    coordinator.tell(new CoordinatorRequest.GetStatus(asker.ref()));
    CoordinatorReply reply = asker.receiveMessage();
    return reply instanceof CoordinatorReply.Status s
        ? s
        : new CoordinatorReply.Status(
            "", "", 0, 0, false, Duration.ZERO, false, false, "", "", 0, "closing", "");
  }

  void awaitStatus(Function<CoordinatorReply.Status, Boolean> condition) {
    client.awaitAssert(
        Duration.ofSeconds(10),
        () -> {
          assertTrue(condition.apply(status()), () -> status().toString());
          return null;
        });
  }

  void awaitNote(String part) {
    client.awaitAssert(
        Duration.ofSeconds(10),
        () -> {
          assertTrue(notes.stream().anyMatch(n -> n.contains(part)), notes::toString);
          return null;
        });
  }

  void assertRefused(String errorId) {
    assertEquals(
        errorId,
        client.expectMessageClass(CoordinatorReply.Refused.class).failure().errorId());
  }

  NodeCommand.BeginRound expectRound() {
    NodeCommand command = node.receiveMessage();
    while (command instanceof NodeCommand.Welcome) {
      command = node.receiveMessage();
    }
    return (NodeCommand.BeginRound) command;
  }

  void passRound() {
    passRound(expectRound());
  }

  /** Node {@code a}, with one image, through all phases. */
  void passRound(NodeCommand.BeginRound begin) {
    passUntilCommit(begin);
    begin.replyTo().tell(new NodeEvent.RoundCommitted("a", begin.plan().roundId()));
  }

  /** The same, up to the order to give the files their names. */
  void passUntilCommit(NodeCommand.BeginRound begin) {
    String roundId = begin.plan().roundId();
    boolean stopped = false;
    List<Phase> phases = begin.plan().phases();
    for (Phase phase : phases.subList(0, phases.indexOf(Phase.COMMIT) + 1)) {
      if (stopped && phase != Phase.WRITE && phase != Phase.COMMIT) {
        continue; // gone through already
      }
      if (phase == Phase.MATCH || phase == Phase.PRECHECKPOINT || phase == Phase.POSTCHECKPOINT) {
        continue; // there is nobody to match with, and no plugin
      }
      if (phase == Phase.COMMIT) {
        node.expectMessageClass(NodeCommand.StageManifest.class);
      } else if (phase == Phase.FREEZE && !begin.plan().killAfter()) {
        node.expectMessageClass(NodeCommand.EnterStop.class);
        stopped = true;
      } else if (phase != Phase.PREPARE) {
        assertEquals(phase, node.expectMessageClass(NodeCommand.EnterPhase.class).phase());
      }
      ImageInfo image =
          new ImageInfo("a", "/x/ckpt_p1.dmtcp", "p1", 7, 0, "prog", false, 1, 1, "00");
      begin.replyTo().tell(
          new NodeEvent.PhaseReached(
              "a", roundId, stopped && phase == Phase.FREEZE ? Phase.RESUME : phase,
              phase == Phase.PREPARE ? 0 : 1, 0, phase == Phase.WRITE ? List.of(image) : List.of()));
    }
    node.expectMessageClass(NodeCommand.CommitRound.class);
  }
}
