package org.dmtcp.akka.coordinator;

import akka.actor.typed.ActorRef;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.Props;
import akka.actor.typed.javadsl.Behaviors;
import com.typesafe.config.Config;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.dmtcp.akka.protocol.ConnectionEnd;
import org.dmtcp.akka.protocol.CoordinatorReply;
import org.dmtcp.akka.protocol.CoordinatorRequest;
import org.dmtcp.akka.protocol.NameValue;
import org.dmtcp.akka.protocol.TcpEndpoint;

/** The connections of a whole computation: matched at a checkpoint, met again at a restart. */
public final class Matching {
  private final Map<String, List<TcpEndpoint>> reports = new LinkedHashMap<>();
  private final int connections;

  /** Of every connection one end is on host i, the other on the next one. */
  public Matching(int nodes, int connections) {
    this.connections = connections;
    for (int i = 0; i < connections; i++) {
      int a = i % nodes;
      int b = (a + 1) % nodes;
      int port = 1024 + i / nodes;
      add(a, i * 2, a, 1000, b, port);
      add(b, i * 2 + 1, b, port, a, 1000);
    }
  }

  private void add(int node, int key, int local, int localPort, int remote, int remotePort) {
    reports.computeIfAbsent("node" + node, n -> new ArrayList<>()).add(new TcpEndpoint("" + key,
        "4026531840", false, 1, address(local), localPort, address(remote), remotePort, 0, 0));
  }

  private static String address(int number) {
    return "10.0." + number / 250 + "." + (number % 250 + 1);
  }

  public double matchSeconds() {
    long start = System.nanoTime();
    Map<String, List<ConnectionEnd>> ends = EndpointMatch.of(reports);
    double seconds = (System.nanoTime() - start) / 1e9;
    long found = ends.values().stream().mapToLong(List::size).sum();
    if (found != 2L * connections) {
      throw new IllegalStateException(found + " ends of " + connections + " connections");
    }
    return seconds;
  }

  /** Every host publishes its places and asks for those of the next one, all at once. */
  public double meetSeconds(Config config) throws Exception {
    ActorSystem<NameService.Command> names =
        ActorSystem.create(NameService.create(), "names", config);
    try {
      CountDownLatch met = new CountDownLatch(connections);
      ActorRef<CoordinatorReply> asker = names.systemActorOf(
          Behaviors.receiveMessage((CoordinatorReply r) -> {
            if (r instanceof CoordinatorReply.NamesResolved n && n.missing().isEmpty()) {
              n.names().forEach(name -> met.countDown());
            }
            return Behaviors.same();
          }), "asker", Props.empty());
      long start = System.nanoTime();
      int some = CoordinatorRequest.MAX_NAMES;
      for (int i = 0; i < connections; i += some) {
        List<String> wanted = new ArrayList<>();
        for (int j = i; j < Math.min(connections, i + some); j++) {
          wanted.add("tcp/" + j);
        }
        names.tell(new NameService.Resolve(new CoordinatorRequest.ResolveNames(
            "r", wanted, Duration.ofMinutes(1), asker)));
      }
      for (int i = 0; i < connections; i += some) {
        List<NameValue> places = new ArrayList<>();
        for (int j = i; j < Math.min(connections, i + some); j++) {
          places.add(new NameValue("tcp/" + j, "10.0.0.1:" + j));
        }
        names.tell(new NameService.Publish(
            new CoordinatorRequest.PublishNames("r", places, asker)));
      }
      if (!met.await(60, TimeUnit.SECONDS)) {
        throw new IllegalStateException(met.getCount() + " names are missing");
      }
      return (System.nanoTime() - start) / 1e9;
    } finally {
      names.terminate();
      names.getWhenTerminated().toCompletableFuture().get(60, TimeUnit.SECONDS);
    }
  }
}
