package org.dmtcp.akka.agent.local;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;
import org.junit.jupiter.api.io.TempDir;

@Timeout(value = 30, threadMode = ThreadMode.SEPARATE_THREAD)
class LocalSocketServerTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final LocalLimits LIMITS =
      new LocalLimits(64 << 10, 256 << 10, 1 << 20, 8, Duration.ofMillis(300));

  private final BlockingQueue<LocalRequest> held = new LinkedBlockingQueue<>();
  private final List<Client> clients = new ArrayList<>();
  @TempDir Path temporary;
  private Path socket;
  private LocalSocketServer server;

  /** One end of a connection, as a command would hold it. */
  private static final class Client implements AutoCloseable {
    final SocketChannel channel;
    final BufferedReader reader;

    Client(Path socket) throws IOException {
      channel = SocketChannel.open(UnixDomainSocketAddress.of(socket));
      reader = new BufferedReader(Channels.newReader(channel, StandardCharsets.UTF_8));
    }

    void send(String text) throws IOException {
      send(text.getBytes(StandardCharsets.UTF_8));
    }

    void send(byte[] bytes) throws IOException {
      ByteBuffer left = ByteBuffer.wrap(bytes);
      while (left.hasRemaining()) {
        channel.write(left);
      }
    }

    JsonNode receive() throws IOException {
      String line = reader.readLine();
      return line == null ? null : JSON.readTree(line);
    }

    @Override
    public void close() throws IOException {
      channel.close();
    }
  }

  @BeforeEach
  void serve() throws IOException {
    socket = temporary.resolve("dmtcp-me@here").resolve("coordinator-7779.sock");
    server = LocalSocketServer.open(socket, LIMITS, this::onRequest);
  }

  @AfterEach
  void stop() throws IOException {
    for (Client c : clients) {
      c.close();
    }
    server.close();
  }

  /** {@code echo} is answered at once, {@code wait} is held, anything else is unknown. */
  private void onRequest(LocalRequest request) {
    switch (request.op()) {
      case "echo", "restart-ready" -> {
        ObjectNode answer = JSON.createObjectNode();
        answer.set("text", request.json().path("text"));
        request.succeed(answer);
      }
      case "wait", "slow" -> held.add(request);
      case "bug" -> throw new IllegalStateException("a fault in the handler");
      default -> request.fail("bad-request", "unknown op", "");
    }
  }

  private Client client() throws IOException {
    Client c = new Client(socket);
    clients.add(c);
    return c;
  }

  private static void assertRefused(JsonNode answer) {
    assertFalse(answer.get("ok").booleanValue());
    assertEquals("bad-request", answer.at("/error/id").textValue());
  }

  @Test
  void answersRequestsInOrder() throws Exception {
    Client c = client();
    c.send("{\"op\":\"slow\"}\n{\"op\":\"echo\",\"text\":\"2\"}\n{\"op\":\"ec");
    LocalRequest slow = held.take();
    c.send("ho\",\"text\":\"3\"}\n");
    slow.succeed(JSON.createObjectNode().put("text", "1"));
    for (String expected : List.of("1", "2", "3")) {
      assertEquals(expected, c.receive().get("text").textValue());
    }
  }

  @Test
  void sendsProgressBeforeTheAnswerAndNothingAfterIt() throws Exception {
    Client c = client();
    c.send("{\"op\":\"wait\"}\n{\"op\":\"echo\",\"text\":\"after\"}\n");
    LocalRequest request = held.take();
    request.progress(JSON.createObjectNode().put("n", 1));
    request.succeed();
    request.succeed(JSON.createObjectNode().put("n", 2));
    request.progress(JSON.createObjectNode().put("n", 3));
    assertEquals(1, c.receive().get("n").intValue());
    assertTrue(c.receive().get("ok").booleanValue());
    assertEquals("after", c.receive().get("text").textValue());
  }

  @Test
  void tellsAWaitingRequestThatItsClientHasGone() throws Exception {
    Client c = client();
    c.send("{\"op\":\"wait\"}\n");
    CountDownLatch gone = new CountDownLatch(1);
    held.take().whenGone(gone::countDown);
    c.close();
    assertTrue(gone.await(10, TimeUnit.SECONDS));
  }

  @Test
  void answersAClientThatClosedOnlyItsSendingSide() throws Exception {
    Client c = client();
    c.send("{\"op\":\"slow\"}\n{\"op\":\"echo\",\"text\":\"last\"}\n");
    c.channel.shutdownOutput();
    held.take().succeed();
    assertTrue(c.receive().get("ok").booleanValue());
    assertEquals("last", c.receive().get("text").textValue());
    assertNull(c.receive());
  }

  @Test
  void answersGarbageAndGoesOn() throws Exception {
    Client c = client();
    for (String bad : List.of("nonsense", "[1,2]", "{}", "{\"op\":7}", "{\"op\":\"\\u0000\"}",
        "null", "{\"op\":\"nothing of ours\"}", "[".repeat(50_000), "{\"op\":\"echo\"} trailing x",
        "\u0000\u0001")) {
      c.send(bad + "\n");
      JsonNode answer = c.receive();
      assertTrue(answer.has("ok"), bad);
    }
    c.send("\n\n{\"op\":\"echo\",\"text\":\"still here\"}\n");
    assertEquals("still here", c.receive().get("text").textValue());
  }

  @Test
  void survivesRandomBytes() throws Exception {
    Random random = new Random(7);
    for (int i = 0; i < 40; i++) {
      byte[] bytes = new byte[random.nextInt(20_000)];
      random.nextBytes(bytes);
      Client c = client();
      try {
        c.send(bytes);
      } catch (IOException e) {
        // it may have been dropped
      }
      if (i % 2 == 0) {
        c.close();
      }
    }
    Client last = client();
    last.send("{\"op\":\"echo\",\"text\":\"alive\"}\n");
    assertEquals("alive", last.receive().get("text").textValue());
  }

  @Test
  void refusesALineThatIsTooLongForItsOp() throws Exception {
    Client c = client();
    String text = "x".repeat(100 << 10);
    c.send("{\"op\":\"echo\",\"text\":\"" + text + "\"}\n");
    assertRefused(c.receive());
    c.send("{\"op\":\"restart-ready\",\"text\":\"" + text + "\"}\n");
    assertEquals(text.length(), c.receive().get("text").textValue().length());
  }

  @Test
  void refusesAndDropsAClientWhoseLineNeverEnds() throws Exception {
    Client c = client();
    Thread writer = new Thread(() -> {
      try {
        while (true) {
          c.send("y".repeat(10_000));
        }
      } catch (IOException e) {
        // dropped, as it should be
      }
    });
    writer.start();
    assertRefused(c.receive());
    writer.join(10_000);
    assertFalse(writer.isAlive());
  }

  @Test
  void dropsAClientThatStopsInTheMiddleOfALine() throws Exception {
    Client c = client();
    c.send("{\"op\":");
    assertRefused(c.receive());
    assertNull(c.receive());
  }

  @Test
  void dropsOnlyTheClientWhoseRequestMeetsAFault() throws Exception {
    Client other = client();
    Client c = client();
    c.send("{\"op\":\"bug\"}\n");
    assertNull(c.receive());
    other.send("{\"op\":\"echo\",\"text\":\"fine\"}\n");
    assertEquals("fine", other.receive().get("text").textValue());
  }

  @Test
  void makesRoomByDroppingTheClientThatHasBeenSilentLongest() throws Exception {
    for (int i = 0; i < 30; i++) {
      Client c = client();
      c.send("{\"op\":\"echo\",\"text\":\"" + i + "\"}\n");
      assertEquals(String.valueOf(i), c.receive().get("text").textValue());
    }
  }

  @Test
  void doesNotStartBesideALiveServer() throws Exception {
    assertThrows(SocketInUseException.class,
        () -> LocalSocketServer.open(socket, LIMITS, this::onRequest));
    Client c = client();
    c.send("{\"op\":\"echo\",\"text\":\"unharmed\"}\n");
    assertEquals("unharmed", c.receive().get("text").textValue());
  }

  @Test
  void replacesTheSocketOfADeadServer() throws Exception {
    Path stale = socket.resolveSibling("coordinator-1.sock");
    try (ServerSocketChannel dead = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      dead.bind(UnixDomainSocketAddress.of(stale));
    }
    assertTrue(Files.exists(stale)); // its file outlives it
    try (LocalSocketServer again = LocalSocketServer.open(stale, LIMITS, this::onRequest);
        Client c = new Client(again.path())) {
      c.send("{\"op\":\"echo\",\"text\":\"new\"}\n");
      assertEquals("new", c.receive().get("text").textValue());
    }
  }

  @Test
  void doesNotReplaceALiveSocketWhoseLockFileWasRemoved() throws Exception {
    Files.delete(socket.resolveSibling("coordinator-7779.sock.lock"));
    assertThrows(SocketInUseException.class,
        () -> LocalSocketServer.open(socket, LIMITS, this::onRequest));
  }

  @Test
  void leavesNothingBehind() throws Exception {
    Client c = client();
    c.send("{\"op\":\"wait\"}\n");
    CountDownLatch gone = new CountDownLatch(1);
    held.take().whenGone(gone::countDown);
    server.close();
    assertTrue(gone.await(10, TimeUnit.SECONDS));
    assertNull(c.receive());
    try (var files = Files.list(socket.getParent())) {
      assertEquals(List.of(), files.toList());
    }
  }

  @Test
  void refusesADirectoryThatOthersCanWrite() throws Exception {
    Path open = Files.createDirectory(temporary.resolve("open"));
    Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rwxrwxrwx"));
    assertThrows(IOException.class,
        () -> LocalSocketServer.open(open.resolve("x.sock"), LIMITS, this::onRequest));
  }

  @Test
  void answersAWarmRequestInLessThanAMillisecond() throws Exception {
    Client c = client();
    long[] nanos = new long[2000];
    for (int i = 0; i < nanos.length; i++) {
      long start = System.nanoTime();
      c.send("{\"op\":\"echo\",\"text\":\"x\"}\n");
      c.receive();
      nanos[i] = System.nanoTime() - start;
    }
    java.util.Arrays.sort(nanos);
    assertTrue(nanos[nanos.length / 2] < 1_000_000, "median " + nanos[nanos.length / 2] + " ns");
  }
}
