package bench;

import akka.actor.typed.ActorRef;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.Behavior;
import akka.actor.typed.Props;
import akka.actor.typed.javadsl.AskPattern;
import akka.actor.typed.javadsl.Behaviors;
import com.typesafe.config.Config;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.dmtcp.akka.agent.node.SimulatedHost;
import org.dmtcp.akka.config.JvmConfig;
import org.dmtcp.akka.coordinator.Coordinator;
import org.dmtcp.akka.coordinator.CoordinatorParts;
import org.dmtcp.akka.coordinator.CoordinatorSettings;
import org.dmtcp.akka.coordinator.RestartScript;
import org.dmtcp.akka.protocol.CoordinatorMessage;
import org.dmtcp.akka.protocol.CoordinatorReply;
import org.dmtcp.akka.protocol.CoordinatorRequest;
import org.dmtcp.akka.protocol.NodeCommand;
import org.dmtcp.akka.protocol.RoundPlan;

/** A real coordinator and, unless they are instant, real node agents in this JVM; their rounds. */
final class Rounds implements AutoCloseable {
  private static final Duration LIMIT = Duration.ofSeconds(120);
  private static final List<String> STEPS = steps();

  private final ActorSystem<Coordinator.Command> system;
  private final ActorRef<CoordinatorMessage> coordinator;
  private final Wire wire = new Wire();
  private final int processes;
  private long ended;

  private static List<String> steps() {
    List<String> steps = new ArrayList<>();
    new RoundPlan("r", "c", 1, "m", false, true).phases().forEach(p -> steps.add(p.name()));
    steps.add("names"); // after the commit
    return steps;
  }

  /** What plays the hosts: given its number and where its events go. */
  private interface Host {
    Behavior<NodeCommand> agent(int number, ActorRef<CoordinatorMessage> coordinator)
        throws IOException;
  }

  /** @param instant hosts without node agents, which do nothing but answer */
  Rounds(Path directory, int nodes, int perNode, boolean instant) throws Exception {
    processes = nodes * perNode;
    Config config = JvmConfig.load(Map.of(
        "akka.actor.provider", "local",
        "dmtcp.tree", "/nowhere",
        "dmtcp.coordinator.ckptdir",
        Files.createDirectories(directory.resolve("coordinator")).toString()));
    Host host = instant
        ? (i, to) -> new InstantHost(i, perNode).agent(to, SimulatedHost.COMPUTATION)
        : (i, to) -> new SimulatedHost(directory, i, nodes, perNode).agent(to, config);
    CompletableFuture<ActorRef<CoordinatorMessage>> ready = new CompletableFuture<>();
    CoordinatorSettings settings =
        CoordinatorSettings.of(config.getConfig("dmtcp"), "node0", "10.0.0.1", 7779);
    system = ActorSystem.create(
        Coordinator.create(new CoordinatorParts(
            settings, new RestartScript("/usr/bin/dmtcp_restart"), text -> {},
            reference -> far(host, 0, reference), ready,
            new CompletableFuture<>())),
        "dmtcp", config);
    wire.use(system);
    coordinator = ready.get(60, TimeUnit.SECONDS);
    for (int i = 1; i < nodes; i++) {
      system.systemActorOf(far(host, i, coordinator), "node" + i, Props.empty());
    }
    while (((CoordinatorReply.Status) ask(CoordinatorRequest.GetStatus::new)).peers()
        < processes) {
      TimeUnit.MILLISECONDS.sleep(20);
    }
  }

  private Behavior<NodeCommand> far(
      Host host, int number, ActorRef<CoordinatorMessage> reference) {
    return wire.far(Behaviors.setup(context -> {
      try {
        return host.agent(number, context.spawn(wire.near(reference), "wire"));
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }));
  }

  CoordinatorReply ask(Function<ActorRef<CoordinatorReply>, CoordinatorMessage> question)
      throws Exception {
    return AskPattern.<CoordinatorMessage, CoordinatorReply>ask(
            coordinator, question::apply, LIMIT, system.scheduler())
        .toCompletableFuture().get();
  }

  ActorSystem<?> system() {
    return system;
  }

  ActorRef<CoordinatorMessage> coordinator() {
    return coordinator;
  }

  /** @return seconds from the question to the answer */
  double round() throws Exception {
    wire.reset();
    long start = System.nanoTime();
    CoordinatorReply reply = ask(r -> new CoordinatorRequest.Checkpoint(true, false, r));
    long end = System.nanoTime();
    if (!(reply instanceof CoordinatorReply.CheckpointDone done)
        || done.images().size() != processes || !done.warning().isEmpty()) {
      throw new IllegalStateException("the round failed: " + reply);
    }
    ended = end;
    return (end - start) / 1e9;
  }

  /** How long every phase of the last round took. */
  void tellTimes(Report report, String subject, String prefix) {
    for (int i = 0; i < STEPS.size(); i++) {
      Long begin = wire.begun().get(STEPS.get(i));
      if (begin != null) {
        long until = STEPS.subList(i + 1, STEPS.size()).stream().map(wire.begun()::get)
            .filter(Objects::nonNull).findFirst().orElse(ended);
        report.add(prefix + STEPS.get(i), "ms", subject, (until - begin) / 1e6);
      }
    }
  }

  /** What every phase of the last round sent. */
  void tellTraffic(Report report, String subject) {
    long messages = 0;
    long bytes = 0;
    for (String step : STEPS) {
      Wire.Traffic traffic = wire.traffic().get(step);
      if (traffic == null) {
        continue;
      }
      report.add(step + ": messages", "", subject, traffic.messages.sum());
      report.add(step + ": per message", "bytes", subject,
          (double) traffic.bytes.sum() / traffic.messages.sum());
      messages += traffic.messages.sum();
      bytes += traffic.bytes.sum();
    }
    report.add("messages of a round", "", subject, messages);
    report.add("bytes of a round", "MB", subject, bytes / 1e6);
  }

  @Override
  public void close() throws Exception {
    system.terminate();
    system.getWhenTerminated().toCompletableFuture().get(60, TimeUnit.SECONDS);
  }
}
