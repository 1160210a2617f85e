package org.dmtcp.akka.agent.node;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.typesafe.config.Config;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.dmtcp.akka.agent.engine.HostProcess;
import org.dmtcp.akka.agent.engine.SimulatedEngine;
import org.dmtcp.akka.protocol.CoordinatorMessage;
import org.dmtcp.akka.protocol.NodeCommand;
import org.dmtcp.akka.protocol.NodeEnvironment;

/**
 * A host with so many processes: the real node agent, which finds them in its registry file as
 * after the end of an earlier agent, a /proc of its own and a simulated engine. Process i has a
 * connection with process i of the next host.
 */
public final class SimulatedHost {
  public static final String COMPUTATION = "5dab1a2c-1-19aafe1b2c3";
  private static final int FIRST_PID = 1000;
  private static final long START_TICKS = 4711;

  private static final ObjectMapper JSON = new ObjectMapper();

  private final String name;
  private final Path directory;
  private final List<Member> members = new ArrayList<>();
  private final String found;
  private final String endpoints;

  public SimulatedHost(Path top, int number, int hosts, int processes) throws IOException {
    this.name = "node" + number;
    this.directory = top.resolve(name);
    Path images = Files.createDirectories(directory.resolve("ckpt"));
    UniquePids names = new UniquePids(name, "", 0);
    ArrayNode list = JSON.createArrayNode();
    ArrayNode ends = JSON.createArrayNode();
    for (int i = 0; i < processes; i++) {
      HostProcess process = new HostProcess(FIRST_PID + i, START_TICKS + i);
      Path proc = Files.createDirectories(directory.resolve("proc/" + process.realPid()));
      Files.writeString(proc.resolve("stat"), process.realPid() + " (simulated) S 1 1 1 0 "
          + "0 ".repeat(12) + "1 0 " + process.startTicks() + " 0\n");
      members.add(new Member(process, names.of(process.realPid(), process), process.realPid(), 0,
          "simulated", true,
          new MemberOptions(images.toString(), "zstd", false, false, 0, false, 0)));
      list.addObject().put("pid", process.realPid()).put("startTicks", process.startTicks())
          .put("virtualPid", process.realPid()).put("virtualParent", 0)
          .put("program", "simulated").put("threads", 1);
      end(ends, i, number, (number + 1) % hosts, 20_000 + i, 7000);
      end(ends, processes + i, number, (number + hosts - 1) % hosts, 7000, 20_000 + i);
    }
    this.found = list.toString();
    this.endpoints = hosts == 1 ? "[]" : ends.toString();
  }

  private static void end(
      ArrayNode ends, int key, int local, int remote, int localPort, int remotePort) {
    ends.addObject().put("key", "" + key).put("network", "4026531840").put("waiting", false)
        .put("state", 1).put("localAddress", address(local)).put("localPort", localPort)
        .put("remoteAddress", address(remote)).put("remotePort", remotePort).put("unsent", 0)
        .put("unread", 0);
  }

  private static String address(int number) {
    return "10.0." + number / 250 + "." + (number % 250 + 1);
  }

  public String name() {
    return name;
  }

  /** @param coordinator where the agent's events go */
  public Behavior<NodeCommand> agent(ActorRef<CoordinatorMessage> coordinator, Config config)
      throws IOException {
    Path socket = Files.createDirectories(directory.resolve("run")).resolve("agent-7779.sock");
    Files.setPosixFilePermissions(socket.getParent(),
        java.nio.file.attribute.PosixFilePermissions.fromString("rwx------"));
    new RegistryFile(socket).save(1, new RegistryFile.Content(
        COMPUTATION, 0, Membership.of(members, List.of(), List.of())));
    return NodeAgent.create(
        new NodeEnvironment(name, coordinator, "node0", 7779, socket, config),
        NodeSettings.of(config),
        new NodeAgent.Parts(() -> new SimulatedEngine(found, endpoints),
            new ProcFs(directory.resolve("proc")), new UniquePids(name, "", 0)));
  }
}
