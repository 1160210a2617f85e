package org.dmtcp.akka.agent.node;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.testkit.typed.javadsl.TestProbe;
import akka.actor.typed.ActorRef;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import java.io.BufferedReader;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.dmtcp.akka.agent.engine.FakeEngine;
import org.dmtcp.akka.agent.engine.HostProcess;
import org.dmtcp.akka.config.RuntimePaths;
import org.dmtcp.akka.protocol.CoordinatorMessage;
import org.dmtcp.akka.protocol.CoordinatorReply;
import org.dmtcp.akka.protocol.CoordinatorRequest;
import org.dmtcp.akka.protocol.Failure;
import org.dmtcp.akka.protocol.NodeCommand;
import org.dmtcp.akka.protocol.NodeEnvironment;
import org.dmtcp.akka.protocol.NodeEvent;
import org.dmtcp.akka.protocol.Phase;
import org.dmtcp.akka.protocol.ProcessInfo;
import org.dmtcp.akka.protocol.RoundPlan;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;
import org.junit.jupiter.api.io.TempDir;

@Timeout(value = 60, threadMode = ThreadMode.SEPARATE_THREAD)
class NodeAgentTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final HostProcess A = new HostProcess(100, 1000);
  private static final HostProcess B = new HostProcess(200, 2000);

  private final ActorTestKit kit = ActorTestKit.create();
  private final TestProbe<CoordinatorMessage> coordinator =
      kit.createTestProbe(CoordinatorMessage.class);
  private final Set<HostProcess> living = ConcurrentHashMap.newKeySet();
  private FakeEngine engine = new FakeEngine(this::behave);

  @TempDir Path temporary;
  private Path socket;
  private ActorRef<NodeCommand> agent;

  @BeforeEach
  void spawn() throws IOException {
    socket = temporary.resolve("run").resolve("coordinator-7779.sock");
    lives((int) ProcessHandle.current().pid(), 1);
    start();
    NodeEvent.NodeJoined joined = coordinator.expectMessageClass(NodeEvent.NodeJoined.class);
    assertEquals(List.of(), joined.processes());
    joined.agent().tell(new NodeCommand.Welcome("", 0));
  }

  private void start() {
    Config config = ConfigFactory.parseString("dmtcp.tree=/nowhere\n"
        + "dmtcp.agent.scan-age=0 s\ndmtcp.agent.engine.min-backoff=10 ms")
        .withFallback(ConfigFactory.load());
    agent = kit.spawn(NodeAgent.create(
        new NodeEnvironment("node", coordinator.ref(), "host", 7779, socket, config),
        NodeSettings.of(config),
        new NodeAgent.Parts(() -> engine, new ProcFs(temporary.resolve("proc")),
            new UniquePids("host", "", 0))));
  }

  @AfterEach
  void shutDown() {
    kit.shutdownTestKit();
  }

  // ---- the world

  private void lives(int pid, long startTicks) throws IOException {
    Path directory = Files.createDirectories(temporary.resolve("proc").resolve("" + pid));
    Files.writeString(directory.resolve("stat"),
        pid + " (prog) S 1 1 1 0 " + "0 ".repeat(14) + startTicks + " 0\n");
    Files.writeString(directory.resolve("status"),
        "Name:\tprog\nUid:\t" + RuntimePaths.uid() + "\t0\t0\t0\n");
    living.add(new HostProcess(pid, startTicks));
  }

  private void dies(HostProcess process) throws IOException {
    living.remove(process);
    Path directory = temporary.resolve("proc").resolve("" + process.realPid());
    Files.delete(directory.resolve("stat"));
  }

  /** An engine that knows who lives, and ends whom it is told to. */
  private ObjectNode behave(JsonNode request) {
    ObjectNode answer = FakeEngine.ok();
    switch (request.get("op").asText()) {
      case "scan" -> {
        ArrayNode members = answer.putArray("members");
        living.stream().filter(p -> p.realPid() != ProcessHandle.current().pid())
            .forEach(p -> members.addObject()
            .put("pid", p.realPid()).put("startTicks", p.startTicks())
            .put("virtualPid", p.realPid()).put("program", "prog").put("threads", 1));
      }
      case "kill" -> request.get("members").forEach(m -> {
        try {
          dies(new HostProcess(m.get("pid").asInt(), m.get("startTicks").asLong()));
        } catch (IOException e) {
          throw new AssertionError(e);
        }
      });
      default -> { }
    }
    return answer;
  }

  private ObjectNode registration(HostProcess process) {
    return JSON.createObjectNode().put("op", "register").put("pid", process.realPid())
        .put("startTicks", process.startTicks()).put("virtualPid", process.realPid())
        .put("program", "prog").put("directory", "/").put("checkpointDir", temporary.toString())
        .put("codec", "zstd");
  }

  private final class Client implements AutoCloseable {
    final SocketChannel channel;
    final BufferedReader reader;

    Client() throws IOException {
      channel = SocketChannel.open(UnixDomainSocketAddress.of(socket));
      reader = new BufferedReader(Channels.newReader(channel, StandardCharsets.UTF_8));
    }

    void send(JsonNode request) throws IOException {
      channel.write(ByteBuffer.wrap((request + "\n").getBytes(StandardCharsets.UTF_8)));
    }

    JsonNode receive() throws IOException {
      return JSON.readTree(reader.readLine());
    }

    @Override
    public void close() throws IOException {
      channel.close();
    }
  }

  private <T extends CoordinatorMessage> T expect(Class<T> type) {
    while (true) {
      CoordinatorMessage message = coordinator.receiveMessage(Duration.ofSeconds(10));
      if (type.isInstance(message)) {
        return type.cast(message);
      }
      assertTrue(message instanceof NodeEvent.ProcessesChanged
          || message instanceof NodeEvent.NodeJoined, message.toString());
    }
  }

  private List<Integer> expectProcesses(int... pids) {
    while (true) {
      NodeEvent.ProcessesChanged changed = expect(NodeEvent.ProcessesChanged.class);
      List<Integer> reported =
          changed.processes().stream().map(p -> p.id().realPid()).sorted().toList();
      if (reported.equals(java.util.Arrays.stream(pids).boxed().toList())) {
        return reported;
      }
    }
  }

  private JsonNode register(HostProcess process) throws IOException {
    lives(process.realPid(), process.startTicks());
    try (Client client = new Client()) {
      client.send(registration(process));
      CoordinatorRequest.Register request = expect(CoordinatorRequest.Register.class);
      agent.tell(new NodeCommand.Welcome("c1", 3));
      request.replyTo().tell(new CoordinatorReply.Registered(
          "c1", request.process().uniquePid(), "host", 7779, 3));
      return client.receive();
    }
  }

  // ---- tests

  @Test
  void registersAProcessAndWatchesIt() throws Exception {
    JsonNode answer = register(A);
    assertTrue(answer.get("ok").asBoolean());
    assertEquals("c1", answer.get("computationId").asText());
    assertEquals(3, answer.get("generation").asLong());
    assertEquals(100, engine.expect("watch").get("pid").asInt());
    assertTrue(Files.exists(socket.resolveSibling("coordinator-7779.registry"))
        || awaitRegistry());
  }

  private boolean awaitRegistry() throws InterruptedException {
    for (int i = 0; i < 100 && !Files.exists(
        socket.resolveSibling("coordinator-7779.registry")); i++) {
      Thread.sleep(20);
    }
    return Files.exists(socket.resolveSibling("coordinator-7779.registry"));
  }

  @Test
  void refusesAProcessThatIsNotThere() throws Exception {
    try (Client client = new Client()) {
      client.send(registration(A));
      JsonNode answer = client.receive();
      assertEquals("no-such-process", answer.at("/error/id").asText());
      assertFalse(answer.at("/error/remedy").asText().isEmpty());
      coordinator.expectNoMessage(Duration.ofMillis(50));
    }
  }

  @Test
  void refusesAProcessOfAnotherUser() throws Exception {
    lives(A.realPid(), A.startTicks());
    Files.writeString(temporary.resolve("proc/100/status"), "Uid:\t54321\t0\t0\t0\n");
    try (Client client = new Client()) {
      client.send(registration(A));
      assertEquals("not-allowed-to-trace", client.receive().at("/error/id").asText());
    }
  }

  @Test
  void namesTheFieldThatIsMissingOrWrong() throws Exception {
    lives(A.realPid(), A.startTicks());
    try (Client client = new Client()) {
      for (String field : List.of("pid", "startTicks", "virtualPid", "program", "checkpointDir")) {
        ObjectNode request = registration(A);
        request.remove(field);
        client.send(request);
        JsonNode error = client.receive().get("error");
        assertEquals("bad-request", error.get("id").asText());
        assertTrue(error.get("text").asText().contains(
            field.equals("checkpointDir") ? "checkpointDir" : field), error.toString());
      }
      client.send(registration(A).put("checkpointDir", "relative"));
      assertEquals("bad-request", client.receive().at("/error/id").asText());
      client.send(registration(A).put("codec", "rot13"));
      assertEquals("bad-request", client.receive().at("/error/id").asText());
      client.send(registration(A).put("pid", -1));
      assertEquals("bad-request", client.receive().at("/error/id").asText());
      client.send(JSON.createObjectNode().put("op", "no such thing"));
      assertEquals("bad-request", client.receive().at("/error/id").asText());
    }
  }

  @Test
  void tellsTheCoordinatorWhenTheLastProcessHasGone() throws Exception {
    register(A);
    expectProcesses(100);
    dies(A);
    engine.sayExited(A);
    expectProcesses();
  }

  @Test
  void findsTheChildrenOfAProcessThatHasGone() throws Exception {
    register(A);
    expectProcesses(100);
    lives(B.realPid(), B.startTicks());
    dies(A);
    engine.sayExited(A);
    expectProcesses(200);
  }

  @Test
  void listsWhomTheCoordinatorNames() throws Exception {
    register(A);
    List<ProcessInfo> processes = expect(NodeEvent.ProcessesChanged.class).processes();
    try (Client client = new Client()) {
      client.send(JSON.createObjectNode().put("op", "list"));
      expect(CoordinatorRequest.ListWorkers.class).replyTo().tell(
          new CoordinatorReply.Workers(processes, ""));
      JsonNode workers = client.receive().get("workers");
      assertEquals(1, workers.size());
      assertEquals("RUNNING", workers.get(0).get("state").asText());
    }
  }

  @Test
  void tellsTheCoordinatorWhoIsThereBeforeItSaysThatItHasLooked() throws Exception {
    register(A);
    expectProcesses(100);
    lives(B.realPid(), B.startTicks());
    agent.tell(new NodeCommand.LookAround(5));

    expectProcesses(100, 200);
    assertEquals(new NodeEvent.LookedAround("node", 5), coordinator.receiveMessage());
  }

  @Test
  void passesTheCoordinatorsRefusalOnWithItsRemedy() throws Exception {
    try (Client client = new Client()) {
      client.send(JSON.createObjectNode().put("op", "checkpoint").put("blocking", true));
      expect(CoordinatorRequest.Checkpoint.class).replyTo().tell(
          new CoordinatorReply.Refused(new Failure("not-running", "nobody is here")));
      JsonNode error = client.receive().get("error");
      assertEquals("not-running", error.get("id").asText());
      assertEquals("nobody is here", error.get("text").asText());
      assertFalse(error.get("remedy").asText().isEmpty());
    }
  }

  @Test
  void saysSoWhenTheCoordinatorIsLost() throws Exception {
    try (Client client = new Client()) {
      client.send(JSON.createObjectNode().put("op", "status"));
      expect(CoordinatorRequest.GetStatus.class);
      coordinator.stop();
      assertEquals("coordinator-unreachable", client.receive().at("/error/id").asText());
    }
  }

  @Test
  void adoptsTheProcessesOfAnAgentThatHasDied() throws Exception {
    register(A);
    register(B);
    expectProcesses(100, 200);
    for (int i = 0; i < 100 && !Files.readString(
        socket.resolveSibling("coordinator-7779.registry")).contains("200"); i++) {
      Thread.sleep(20);
    }
    kit.stop(agent);
    dies(B);
    engine = new FakeEngine(this::behave);
    start();
    NodeEvent.NodeJoined joined = expect(NodeEvent.NodeJoined.class);
    assertEquals("c1", joined.computationId());
    assertEquals(3, joined.generation());
    assertEquals(List.of(100),
        joined.processes().stream().map(p -> p.id().realPid()).toList());
  }

  @Test
  void adoptsTheChildrenOfProcessesThatDiedWithTheAgent() throws Exception {
    register(A);
    awaitRegistry();
    kit.stop(agent);
    dies(A);
    lives(B.realPid(), B.startTicks());
    engine = new FakeEngine(this::behave);
    start();
    assertEquals(List.of(200), expect(NodeEvent.NodeJoined.class).processes().stream()
        .map(p -> p.id().realPid()).toList());
  }

  @Test
  void forgetsAComputationOfWhichNobodyIsLeft() throws Exception {
    register(A);
    awaitRegistry();
    kit.stop(agent);
    dies(A);
    engine = new FakeEngine(this::behave);
    start();
    assertEquals("", expect(NodeEvent.NodeJoined.class).computationId());
  }

  @Test
  void adoptsRestartedProcessesUnderTheirOriginalNames() throws Exception {
    lives(A.realPid(), A.startTicks());
    lives(300, 1);
    agent.tell(new NodeCommand.Welcome("c9", 4));
    try (Client client = new Client()) {
      ObjectNode ready = JSON.createObjectNode().put("op", "restart-ready").put("restartId", "r1");
      ready.putObject("supervisor").put("pid", 300).put("startTicks", 1);
      ObjectNode process = registration(A).put("uniquePid", "old-upid-7").put("virtualPid", 7);
      ready.putArray("processes").add(process);
      client.send(ready);
      CoordinatorRequest.RestartReady request = expect(CoordinatorRequest.RestartReady.class);
      assertEquals("old-upid-7", request.processes().get(0).uniquePid());
      request.replyTo().tell(new CoordinatorReply.RestartWaiting(List.of("other")));
      assertEquals("other", client.receive().at("/waiting/0").asText());
      request.replyTo().tell(new CoordinatorReply.RestartGo("r1"));
      assertTrue(client.receive().get("go").asBoolean());
    }
    NodeEvent.ProcessesChanged changed = expect(NodeEvent.ProcessesChanged.class);
    assertEquals("old-upid-7", changed.processes().get(0).uniquePid());
    assertEquals(7, changed.processes().get(0).virtualPid());
    agent.tell(new NodeCommand.KillProcesses("test"));
    assertEquals(300, engine.expect("scan").at("/namespaces/0/initPid").asInt());
  }

  @Test
  void reportsTheProcessesOfTwoRestartingCommandsAtOnce() throws Exception {
    lives(A.realPid(), A.startTicks());
    lives(B.realPid(), B.startTicks());
    agent.tell(new NodeCommand.Welcome("c9", 4));
    try (Client first = new Client(); Client second = new Client()) {
      CoordinatorRequest.RestartReady a = ready(first, A, "upid-a");
      CoordinatorRequest.RestartReady b = ready(second, B, "upid-b");
      a.replyTo().tell(new CoordinatorReply.RestartGo("r1"));
      assertTrue(first.receive().get("go").asBoolean());
      assertEquals(2, expect(NodeEvent.ProcessesChanged.class).processes().size());
      b.replyTo().tell(new CoordinatorReply.RestartGo("r1"));
      assertTrue(second.receive().get("go").asBoolean());
    }
  }

  @Test
  void forgetsWhatIsNotLetGo() throws Exception {
    lives(A.realPid(), A.startTicks());
    lives(B.realPid(), B.startTicks());
    agent.tell(new NodeCommand.Welcome("c9", 4));
    try (Client first = new Client(); Client second = new Client()) {
      CoordinatorRequest.RestartReady a = ready(first, A, "upid-a");
      CoordinatorRequest.RestartReady b = ready(second, B, "upid-b");
      a.replyTo().tell(new CoordinatorReply.Refused(new Failure("restart-cancelled", "no")));
      assertEquals("restart-cancelled", first.receive().at("/error/id").asText());
      b.replyTo().tell(new CoordinatorReply.RestartGo("r1"));
      second.receive();
      assertEquals(List.of("upid-b"), expect(NodeEvent.ProcessesChanged.class).processes().stream()
          .map(ProcessInfo::uniquePid).toList());
    }
  }

  private CoordinatorRequest.RestartReady ready(Client client, HostProcess process, String upid)
      throws Exception {
    ObjectNode ready = JSON.createObjectNode().put("op", "restart-ready").put("restartId", "r1");
    ready.putArray("processes")
        .add(registration(process).put("uniquePid", upid).put("virtualPid", process.realPid()));
    client.send(ready);
    return expect(CoordinatorRequest.RestartReady.class);
  }

  @Test
  void withdrawsARestartWhoseCommandHasGone() throws Exception {
    lives(A.realPid(), A.startTicks());
    Client client = new Client();
    ObjectNode ready = JSON.createObjectNode().put("op", "restart-ready").put("restartId", "r1");
    ready.putArray("processes").add(registration(A).put("uniquePid", "u"));
    client.send(ready);
    expect(CoordinatorRequest.RestartReady.class);
    client.close();
    assertEquals(List.of("u"), expect(CoordinatorRequest.RestartWithdrawn.class).uniquePids());
  }

  @Test
  void aRestartThatWaitsEndsWithItsCommand() throws Exception {
    Client client = new Client();
    ObjectNode begin = JSON.createObjectNode().put("op", "restart-begin").put("computationId", "c")
        .put("generation", 1).put("manifestId", "m").put("total", 1);
    begin.putArray("members").addObject()
        .put("uniquePid", "u").put("virtualPid", 7).put("program", "prog");
    client.send(begin);
    ActorRef<CoordinatorReply> asker = expect(CoordinatorRequest.BeginRestart.class).replyTo();
    client.close();
    coordinator.expectTerminated(asker, Duration.ofSeconds(5));
  }

  @Test
  void endsWhoWasLetGoAMomentAgo() throws Exception {
    lives(A.realPid(), A.startTicks());
    agent.tell(new NodeCommand.Welcome("c9", 4));
    try (Client client = new Client()) {
      CoordinatorRequest.RestartReady ready = ready(client, A, "upid-a");
      agent.tell(new NodeCommand.KillProcesses("test")); // before the word to go on
      assertEquals(A.realPid(), engine.expect("scan").at("/roots/0/pid").asInt());
      ready.replyTo().tell(new CoordinatorReply.RestartGo("r1"));
      assertTrue(client.receive().get("go").asBoolean());
    }
    engine.expect("kill");
  }

  @Test
  void endsAllProcessesOnRequest() throws Exception {
    register(A);
    register(B);
    agent.tell(new NodeCommand.KillProcesses("test"));
    assertEquals(0, engine.expect("kill").get("exitStatus").asInt());
    expectProcesses();
  }

  @Test
  void endsAllProcessesBeforeItLeaves() throws Exception {
    register(A);
    TestProbe<Void> watcher = kit.createTestProbe();
    agent.tell(new NodeCommand.Leave(true, "quit"));
    watcher.expectTerminated(agent, Duration.ofSeconds(10));
    assertTrue(living.stream().noneMatch(A::equals));
  }

  @Test
  void leavesTheProcessesAloneWhenItIsToLeaveThem() throws Exception {
    register(A);
    TestProbe<Void> watcher = kit.createTestProbe();
    agent.tell(new NodeCommand.Leave(false, "time is over"));
    watcher.expectTerminated(agent, Duration.ofSeconds(10));
    assertTrue(living.contains(A));
  }

  @Test
  void answersForARoundThatItDoesNotKnow() {
    TestProbe<NodeEvent> asker = kit.createTestProbe(NodeEvent.class);
    agent.tell(new NodeCommand.AbortRound("x", new Failure("internal", "y"), asker.ref()));
    asker.expectMessageClass(NodeEvent.RoundAborted.class);
    agent.tell(new NodeCommand.EnterPhase(
        "x", Phase.FREEZE, 0, Duration.ofSeconds(1)));
    assertEquals("x", expect(NodeEvent.PhaseFailed.class).roundId());
    agent.tell(new NodeCommand.CommitRound("x", "c1", 5, "m"));
    assertEquals("x", expect(NodeEvent.RoundCommitted.class).roundId());
  }

  @Test
  void answersAnAbortThatComesWhenTheRoundHasEndedByItself() throws Exception {
    register(A);
    for (int i = 0; i < 20; i++) {
      TestProbe<NodeEvent> round = kit.createTestProbe(NodeEvent.class);
      agent.tell(new NodeCommand.BeginRound(
          new RoundPlan("r" + i, "c1", 1, "m", false, false), Duration.ofSeconds(5), round.ref()));
      round.expectMessageClass(NodeEvent.PhaseReached.class);
      round.stop(); // the round ends because of that, some time
      TestProbe<NodeEvent> asker = kit.createTestProbe(NodeEvent.class);
      agent.tell(new NodeCommand.AbortRound("r" + i, new Failure("internal", "y"), asker.ref()));
      asker.expectMessageClass(NodeEvent.RoundAborted.class, Duration.ofSeconds(10));
    }
  }

  @Test
  void letsTheFrozenRunOnBeforeItEndsThem() throws Exception {
    register(A);
    TestProbe<NodeEvent> round = kit.createTestProbe(NodeEvent.class);
    agent.tell(new NodeCommand.BeginRound(
        new RoundPlan("r", "c1", 1, "m", false, false), Duration.ofSeconds(5), round.ref()));
    round.expectMessageClass(NodeEvent.PhaseReached.class);
    agent.tell(new NodeCommand.EnterPhase("r", Phase.FREEZE, 0, Duration.ofSeconds(5)));
    engine.expect("freeze");
    agent.tell(new NodeCommand.Leave(true, "quit"));
    engine.expect("abort");
    engine.expect("kill");
  }
}
