package org.dmtcp.akka.coordinator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.testkit.typed.javadsl.TestProbe;
import akka.actor.typed.ActorRef;
import akka.actor.typed.ActorRefResolver;
import akka.actor.typed.javadsl.Behaviors;
import akka.cluster.Member;
import akka.cluster.MemberStatus;
import akka.cluster.typed.Down;
import akka.cluster.typed.Join;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLContext;
import org.dmtcp.akka.config.ClusterKeys;
import org.dmtcp.akka.config.Credential;
import org.dmtcp.akka.config.ExitCode;
import org.dmtcp.akka.config.JvmConfig;
import org.dmtcp.akka.protocol.CoordinatorMessage;
import org.dmtcp.akka.protocol.CoordinatorReply;
import org.dmtcp.akka.protocol.CoordinatorRequest;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Two JVMs' worth of actor systems, with the real configuration, over the loopback. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ClusterTest {
  @TempDir Path dir;
  private final List<ActorTestKit> kits = new ArrayList<>();

  @AfterEach
  void shutDown() {
    kits.forEach(ActorTestKit::shutdownTestKit);
  }

  @Test
  void anAgentOfAnotherJvmFindsTheCoordinatorByTheControlPort() throws Exception {
    Credential credential = Credential.open(dir.resolve("c"));
    ActorTestKit here = system(credential);
    Cluster.form(here.system());
    ActorRef<CoordinatorMessage> coordinator = here.spawn(answering());
    try (ControlPort port = ControlPort.bind(0)) {
      serve(port, credential, here, coordinator);

      JsonNode join = post(port, credential.context(), "{\"op\":\"join\"}");
      ActorTestKit there = system(credential);
      join(there, join.path("address").asText());
      ActorRef<CoordinatorMessage> found =
          ActorRefResolver.get(there.system())
              .resolveActorRef(join.path("coordinator").asText());
      TestProbe<CoordinatorReply> client = there.createTestProbe();
      client.awaitAssert(
          Duration.ofSeconds(60),
          () -> {
            assertEquals(2, upMembers(here));
            return null;
          });
      found.tell(new CoordinatorRequest.Kill(client.ref()));
      assertEquals(
          new CoordinatorReply.Accepted(42), client.receiveMessage(Duration.ofSeconds(30)));
    }
  }

  @Test
  void aCoordinatorThatIsPutOutEndsAndLeavesItsPlace() throws Exception {
    ActorTestKit here = system(Credential.open(dir.resolve("c")));
    CompletableFuture<Coordinator.Ending> ending = new CompletableFuture<>();
    Main.endWith(here.system(), ending);
    Cluster.form(here.system());
    here.createTestProbe().awaitAssert(Duration.ofSeconds(30), () -> {
      assertEquals(1, upMembers(here));
      return null;
    });
    var cluster = akka.cluster.typed.Cluster.get(here.system());
    cluster.manager().tell(new Down(cluster.selfMember().address()));

    assertEquals(ExitCode.FAILED, ending.get(60, TimeUnit.SECONDS).code());
  }

  @Test
  void nobodyJoinsWithAnotherCredential() throws Exception {
    ActorTestKit here = system(Credential.open(dir.resolve("ours")));
    Cluster.form(here.system());
    ActorTestKit stranger = system(Credential.open(dir.resolve("another")));
    join(stranger, Cluster.address(here.system()));

    stranger.createTestProbe().expectNoMessage(Duration.ofSeconds(6));
    assertEquals(1, upMembers(here));
  }

  @Test
  void theControlPortAnswersOnlyToTheCredential() throws Exception {
    Credential credential = Credential.open(dir.resolve("ours"));
    ActorTestKit here = system(credential);
    ActorRef<CoordinatorMessage> coordinator = here.spawn(answering());
    try (ControlPort port = ControlPort.bind(0)) {
      serve(port, credential, here, coordinator);
      SSLContext another = Credential.open(dir.resolve("another")).context();
      Assertions.assertThrows(IOException.class, () -> post(port, another, "{\"op\":\"kill\"}"));

      SSLContext ours = credential.context();
      assertEquals(42, post(port, ours, "{\"op\":\"kill\"}").path("peers").asInt());
      for (String bad : List.of("", "[]", "{", "{\"op\":\"interval\",\"seconds\":-1}", "\"x\"")) {
        JsonNode answer = post(port, ours, bad);
        assertEquals("bad-request", answer.path("error").path("id").asText(), bad);
      }
    }
  }

  @Test
  void aTakenPortIsSaidByName() throws Exception {
    try (ControlPort first = ControlPort.bind(0)) {
      Main.StartException e =
          Assertions.assertThrows(
              Main.StartException.class, () -> ControlPort.bind(first.number()).close());
      assertEquals("port-taken", e.errorId());
      assertTrue(e.getMessage().contains(String.valueOf(first.number())));
    }
  }

  // ---- what the tests do

  private ActorTestKit system(Credential credential) throws IOException {
    Config config =
        JvmConfig.load(
            Map.of(
                "dmtcp.cluster.hostname", "127.0.0.1",
                "akka.coordinated-shutdown.run-by-actor-system-terminate", "on",
                "akka.actor.testkit.typed.system-shutdown-default", "40s",
                "akka.actor.testkit.typed.throw-on-shutdown-timeout", "false"));
    ActorTestKit kit =
        ActorTestKit.create(
            "dmtcp",
            ConfigFactory.parseMap(
                    ClusterKeys.of(config, credential, ClusterKeys::ownAddress))
                .withFallback(config));
    kits.add(kit);
    return kit;
  }

  private static akka.actor.typed.Behavior<CoordinatorMessage> answering() {
    return Behaviors.receive(CoordinatorMessage.class)
        .onMessage(
            CoordinatorRequest.Kill.class,
            m -> {
              m.replyTo().tell(new CoordinatorReply.Accepted(42));
              return Behaviors.same();
            })
        .build();
  }

  private static void serve(
      ControlPort port,
      Credential credential,
      ActorTestKit kit,
      ActorRef<CoordinatorMessage> coordinator)
      throws IOException {
    port.serve(
        credential.context(),
        kit.system(),
        coordinator,
        Duration.ofSeconds(10),
        ForkJoinPool.commonPool());
  }

  private static void join(ActorTestKit kit, String address) {
    akka.cluster.typed.Cluster.get(kit.system())
        .manager()
        .tell(Join.create(akka.actor.AddressFromURIString.parse(address)));
  }

  private static long upMembers(ActorTestKit kit) {
    int up = 0;
    for (Member member : akka.cluster.typed.Cluster.get(kit.system()).state().getMembers()) {
      up += member.status().equals(MemberStatus.up()) ? 1 : 0;
    }
    return up;
  }

  private static JsonNode post(ControlPort port, SSLContext context, String body)
      throws IOException, InterruptedException {
    // The certificate says who we are, not where: it is the same on all hosts.
    System.setProperty("jdk.internal.httpclient.disableHostnameVerification", "true");
    HttpClient client =
        HttpClient.newBuilder()
            .sslContext(context)
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(Duration.ofSeconds(20))
            .build();
    HttpRequest request =
        HttpRequest.newBuilder(URI.create("https://127.0.0.1:" + port.number() + "/command"))
            .timeout(Duration.ofSeconds(20))
            .POST(HttpRequest.BodyPublishers.ofString(body))
            .build();
    return new ObjectMapper()
        .readTree(client.send(request, HttpResponse.BodyHandlers.ofString()).body());
  }
}
