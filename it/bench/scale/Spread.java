package bench;

import akka.actor.AddressFromURIString;
import akka.actor.typed.ActorRef;
import akka.actor.typed.ActorRefResolver;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.Behavior;
import akka.actor.typed.Props;
import akka.actor.typed.javadsl.AskPattern;
import akka.actor.typed.javadsl.Behaviors;
import akka.cluster.MemberStatus;
import akka.cluster.typed.Cluster;
import akka.cluster.typed.Join;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.dmtcp.akka.agent.node.SimulatedHost;
import org.dmtcp.akka.config.ClusterKeys;
import org.dmtcp.akka.config.Credential;
import org.dmtcp.akka.config.JvmConfig;
import org.dmtcp.akka.coordinator.Coordinator;
import org.dmtcp.akka.coordinator.CoordinatorParts;
import org.dmtcp.akka.coordinator.CoordinatorSettings;
import org.dmtcp.akka.coordinator.RestartScript;
import org.dmtcp.akka.protocol.CoordinatorMessage;
import org.dmtcp.akka.protocol.CoordinatorReply;
import org.dmtcp.akka.protocol.CoordinatorRequest;
import org.dmtcp.akka.protocol.NodeCommand;

/**
 * A coordinator, and hosts that do at once whatever is ordered in JVMs of their own: what lies
 * between them is the real thing, a cluster over Artery with TLS, on the loopback.
 */
final class Spread implements AutoCloseable {
  private static final Duration LIMIT = Duration.ofSeconds(120);

  private final ActorSystem<Coordinator.Command> system;
  private final ActorRef<CoordinatorMessage> coordinator;
  private final List<Process> others = new ArrayList<>();
  private final int processes;

  /** A JVM with some of the hosts: CREDENTIAL ADDRESS COORDINATOR FIRST COUNT PROCESSES. */
  public static void main(String[] words) throws Exception {
    Config config = config(Path.of(words[0]), Map.of());
    ActorSystem<Void> system = ActorSystem.create(Behaviors.empty(), "dmtcp", config);
    long deadline = System.nanoTime() + LIMIT.toNanos();
    for (int i = 0; Cluster.get(system).selfMember().status() != MemberStatus.up(); i++) {
      if (System.nanoTime() > deadline) {
        throw new IllegalStateException("not let into the cluster of " + words[1]);
      }
      if (i % 100 == 0) {
        Cluster.get(system).manager().tell(Join.create(AddressFromURIString.parse(words[1])));
      }
      TimeUnit.MILLISECONDS.sleep(20);
    }
    ActorRef<CoordinatorMessage> coordinator =
        ActorRefResolver.get(system).resolveActorRef(words[2]);
    int first = Integer.parseInt(words[3]);
    for (int i = first; i < first + Integer.parseInt(words[4]); i++) {
      Behavior<NodeCommand> host = new InstantHost(i, Integer.parseInt(words[5]))
          .agent(coordinator, SimulatedHost.COMPUTATION);
      system.systemActorOf(host, "node" + i, Props.empty());
    }
    System.in.read(); // until who started us has gone, or says so
    system.terminate(); // leaves the cluster, that nobody waits for it
    system.getWhenTerminated().toCompletableFuture().get(20, TimeUnit.SECONDS);
  }

  private static Config config(Path credential, Map<String, Object> more) throws IOException {
    Config config = JvmConfig.load(more);
    return ConfigFactory.parseMap(ClusterKeys.of(
            config, Credential.open(credential), InetAddress::getLoopbackAddress))
        .withFallback(config);
  }

  /** @param jvms beside the coordinator's, which has the first host */
  Spread(Path directory, int nodes, int perNode, int jvms) throws Exception {
    processes = nodes * perNode;
    Path credential = directory.resolve("credential");
    Config config = config(credential, Map.of(
        "dmtcp.tree", "/nowhere",
        "dmtcp.coordinator.ckptdir",
        Files.createDirectories(directory.resolve("spread")).toString()));
    CompletableFuture<ActorRef<CoordinatorMessage>> ready = new CompletableFuture<>();
    system = ActorSystem.create(
        Coordinator.create(new CoordinatorParts(
            CoordinatorSettings.of(config.getConfig("dmtcp"), "node0", "127.0.0.1", 7779),
            new RestartScript("/usr/bin/dmtcp_restart"), text -> {},
            reference -> new InstantHost(0, perNode).agent(reference, SimulatedHost.COMPUTATION),
            ready, new CompletableFuture<>())),
        "dmtcp", config);
    coordinator = ready.get(60, TimeUnit.SECONDS);
    String address = Cluster.get(system).selfMember().address().toString();
    Cluster.get(system).manager().tell(Join.create(AddressFromURIString.parse(address)));
    int first = 1;
    for (int i = 0; i < jvms; i++) {
      int count = (nodes - first) / (jvms - i);
      others.add(start(credential, address, first, count, perNode));
      first += count;
    }
    long deadline = System.nanoTime() + LIMIT.toNanos();
    int peers = peers();
    while (peers < processes) {
      if (System.nanoTime() > deadline) {
        close();
        throw new IllegalStateException(peers + " of " + processes + " processes joined");
      }
      TimeUnit.MILLISECONDS.sleep(20);
      peers = peers();
    }
  }

  private Process start(Path credential, String address, int first, int count, int perNode)
      throws IOException {
    return new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin/java").toString(),
            "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx512m",
            "-cp", System.getProperty("java.class.path"), Spread.class.getName(),
            credential.toString(), address,
            ActorRefResolver.get(system).toSerializationFormat(coordinator),
            String.valueOf(first), String.valueOf(count), String.valueOf(perNode))
        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
        .redirectError(ProcessBuilder.Redirect.INHERIT)
        .start();
  }

  private CoordinatorReply ask(Function<ActorRef<CoordinatorReply>, CoordinatorMessage> question)
      throws Exception {
    return AskPattern.<CoordinatorMessage, CoordinatorReply>ask(
            coordinator, question::apply, LIMIT, system.scheduler())
        .toCompletableFuture().get();
  }

  private int peers() throws Exception {
    return ((CoordinatorReply.Status) ask(CoordinatorRequest.GetStatus::new)).peers();
  }

  /** @return seconds from the question to the answer */
  double round() throws Exception {
    long start = System.nanoTime();
    CoordinatorReply reply = ask(r -> new CoordinatorRequest.Checkpoint(true, false, r));
    if (!(reply instanceof CoordinatorReply.CheckpointDone done)
        || done.images().size() != processes || !done.warning().isEmpty()) {
      throw new IllegalStateException("the round failed: " + reply);
    }
    return (System.nanoTime() - start) / 1e9;
  }

  @Override
  public void close() throws Exception {
    for (Process other : others) {
      other.getOutputStream().close();
    }
    for (Process other : others) {
      if (!other.waitFor(30, TimeUnit.SECONDS)) {
        other.destroyForcibly();
      }
    }
    system.terminate();
    system.getWhenTerminated().toCompletableFuture().get(60, TimeUnit.SECONDS);
  }
}
