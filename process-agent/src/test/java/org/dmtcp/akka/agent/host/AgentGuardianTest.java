package org.dmtcp.akka.agent.host;

import static org.junit.jupiter.api.Assertions.assertEquals;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.testkit.typed.javadsl.TestProbe;
import akka.actor.typed.ActorRefResolver;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.Behavior;
import akka.actor.typed.javadsl.Behaviors;
import akka.cluster.ClusterEvent;
import akka.cluster.MemberStatus;
import akka.cluster.typed.Cluster;
import akka.cluster.typed.Join;
import akka.cluster.typed.Subscribe;
import com.typesafe.config.Config;
import java.net.InetAddress;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.dmtcp.akka.config.JvmConfig;
import org.dmtcp.akka.protocol.CoordinatorMessage;
import org.dmtcp.akka.protocol.NodeCommand;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;

/** Two actor systems over the loopback: a coordinator's, which is only there, and an agent's. */
@Timeout(value = 120, threadMode = ThreadMode.SEPARATE_THREAD)
class AgentGuardianTest {
  private static final Duration LIMIT = Duration.ofSeconds(60);

  private final ActorTestKit here = ActorTestKit.create("dmtcp", config());
  private final TestProbe<CoordinatorMessage> coordinator =
      here.createTestProbe(CoordinatorMessage.class);
  private final TestProbe<ClusterEvent.MemberRemoved> removed =
      here.createTestProbe(ClusterEvent.MemberRemoved.class);

  private final CompletableFuture<String> sentAway = new CompletableFuture<>();

  @AfterEach
  void end() {
    here.shutdownTestKit();
  }

  @Test
  void whoHasNothingLeftToDoLeavesTheClusterBeforeItEnds() throws Exception {
    form();
    assertEquals(AgentGuardian.End.DONE, serve(Behaviors.setup(context -> Behaviors.stopped())));
    assertEquals(
        MemberStatus.exiting(), removed.receiveMessage(LIMIT).previousStatus());
  }

  @Test
  void whoIsToldToLeaveEndsAtOnceSinceNobodyIsLeftToHearIt() throws Exception {
    form();
    assertEquals(AgentGuardian.End.SENT_AWAY, serve(Behaviors.setup(context -> {
      context.getSelf().tell(new NodeCommand.Leave(false, "the test ends"));
      return Behaviors.receive(NodeCommand.class).onAnyMessage(m -> Behaviors.stopped()).build();
    })));
    assertEquals("the test ends", sentAway.getNow(""));
  }

  private void form() {
    Cluster cluster = Cluster.get(here.system());
    cluster.subscriptions().tell(
        Subscribe.create(removed.ref(), ClusterEvent.MemberRemoved.class));
    cluster.manager().tell(Join.create(cluster.selfMember().address()));
  }

  /** A whole membership, until the agent's system has ended. */
  private AgentGuardian.End serve(Behavior<NodeCommand> node) throws Exception {
    CompletableFuture<AgentGuardian.End> end = new CompletableFuture<>();
    ControlClient.Way way = new ControlClient.Way("here",
        Cluster.get(here.system()).selfMember().address().toString(),
        ActorRefResolver.get(here.system()).toSerializationFormat(coordinator.ref()),
        InetAddress.getLoopbackAddress());
    ActorSystem<AgentGuardian.Command> there = ActorSystem.create(
        AgentGuardian.create(new AgentGuardian.Parts(
            way, LIMIT, ref -> node, new CompletableFuture<>(), sentAway, end)),
        "dmtcp", config());
    AgentGuardian.End how = end.get(LIMIT.toSeconds(), TimeUnit.SECONDS);
    if (!how.isSaid()) {
      there.terminate();
    }
    there.getWhenTerminated().toCompletableFuture().get(LIMIT.toSeconds(), TimeUnit.SECONDS);
    return how;
  }

  private static Config config() {
    return JvmConfig.load(Map.of(
        "akka.remote.artery.transport", "tcp",
        "akka.remote.artery.canonical.hostname", "127.0.0.1",
        "akka.actor.testkit.typed.throw-on-shutdown-timeout", "false",
        "akka.actor.testkit.typed.system-shutdown-default", "20s"));
  }
}
