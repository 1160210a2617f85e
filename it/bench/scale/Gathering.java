package org.dmtcp.akka.coordinator;

import akka.actor.typed.ActorRef;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.Props;
import akka.actor.typed.javadsl.Behaviors;
import com.typesafe.config.Config;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.dmtcp.akka.protocol.AgentId;
import org.dmtcp.akka.protocol.CoordinatorReply;
import org.dmtcp.akka.protocol.CoordinatorRequest;
import org.dmtcp.akka.protocol.ProcessInfo;
import org.dmtcp.akka.protocol.RestartMember;
import org.dmtcp.akka.protocol.WorkerState;

/** A restart as the coordinator sees it: every host announces its members, then has built them. */
public final class Gathering {
  private Gathering() {}

  public static double seconds(int nodes, int processes, Config config) throws Exception {
    CountDownLatch begun = new CountDownLatch(nodes);
    CountDownLatch gone = new CountDownLatch(nodes);
    RestartRound.Plan plan = new RestartRound.Plan("r", "c", 1, "m", nodes * processes,
        Duration.ofMinutes(5), Duration.ofSeconds(5));
    ActorSystem<Void> system = ActorSystem.create(Behaviors.empty(), "restart", config);
    try {
      ActorRef<RestartRound.Command> round = system.systemActorOf(RestartRound.create(
          plan, new GenerationStore(Path.of("/nowhere")), system.ignoreRef()), "round",
          Props.empty());
      ActorRef<CoordinatorReply> joiner =
          answers(system, "joiner", CoordinatorReply.RestartBegun.class, begun);
      long start = System.nanoTime();
      for (int i = 0; i < nodes; i++) {
        List<RestartMember> members = new ArrayList<>();
        for (int j = 0; j < processes; j++) {
          members.add(new RestartMember("upid-" + i + "-" + j, j + 1, "simulated", "node" + i));
        }
        round.tell(new RestartRound.Join(new CoordinatorRequest.BeginRestart("node" + i, "c", 1,
            "m", nodes * processes, members, CoordinatorRequest.UNCHANGED, joiner)));
      }
      await(begun);
      for (int i = 0; i < nodes; i++) {
        List<ProcessInfo> ready = new ArrayList<>();
        for (int j = 0; j < processes; j++) {
          ready.add(new ProcessInfo(new AgentId("node" + i, j + 1, 1), "upid-" + i + "-" + j,
              j + 1, 0, "simulated", WorkerState.RESTARTING));
        }
        round.tell(new RestartRound.Ready(new CoordinatorRequest.RestartReady("r", "node" + i,
            ready, answers(system, "node" + i, CoordinatorReply.RestartGo.class, gone))));
      }
      await(gone);
      return (System.nanoTime() - start) / 1e9;
    } finally {
      system.terminate();
      system.getWhenTerminated().toCompletableFuture().get(60, TimeUnit.SECONDS);
    }
  }

  private static ActorRef<CoordinatorReply> answers(ActorSystem<?> system, String name,
      Class<? extends CoordinatorReply> awaited, CountDownLatch latch) {
    return system.systemActorOf(Behaviors.receiveMessage((CoordinatorReply r) -> {
      if (awaited.isInstance(r)) {
        latch.countDown();
      }
      return Behaviors.same();
    }), name, Props.empty());
  }

  private static void await(CountDownLatch latch) throws InterruptedException {
    if (!latch.await(60, TimeUnit.SECONDS)) {
      throw new IllegalStateException(latch.getCount() + " hosts wait");
    }
  }
}
