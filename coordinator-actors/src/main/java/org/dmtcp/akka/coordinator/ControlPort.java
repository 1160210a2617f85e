package org.dmtcp.akka.coordinator;

import akka.actor.typed.ActorRef;
import akka.actor.typed.ActorRefResolver;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.javadsl.AskPattern;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsParameters;
import com.sun.net.httpserver.HttpsServer;
import java.io.IOException;
import java.net.BindException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.function.Function;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import org.dmtcp.akka.config.Credential;
import org.dmtcp.akka.config.RuntimePaths;
import org.dmtcp.akka.config.Seldom;
import org.dmtcp.akka.config.WatchedTls;
import org.dmtcp.akka.coordinator.Main.StartException;
import org.dmtcp.akka.protocol.CoordinatorMessage;
import org.dmtcp.akka.protocol.CoordinatorReply;
import org.dmtcp.akka.protocol.Failure;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The port that people know. It is taken first of all: whoever has it is the coordinator there. It
 * serves, to the user's own programs only (mutual TLS, see {@link Credential}), {@code POST
 * /command}: the requests of {@code docs/local-protocol.md}, and {@code join}, which tells an agent
 * the coordinator's address in the cluster.
 */
final class ControlPort implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(ControlPort.class);
  private static final int BACKLOG = 128;
  private static final int MAX_REQUEST_BYTES = 1 << 20;

  /** Made with the first request: nobody waits for it at the start. */
  private static final class Json {
    private static final ObjectMapper MAPPER = new ObjectMapper();
  }

  private final HttpsServer server;

  private ControlPort(HttpsServer server) {
    this.server = server;
  }

  /** @param port 0 for any free one */
  static ControlPort bind(int port) throws StartException {
    // Read by the JDK's server once: a peer that says nothing must not hold a thread for ever.
    System.setProperty("sun.net.httpserver.maxReqTime", "10");
    System.setProperty("sun.net.httpserver.maxRspTime", "60");
    try {
      return new ControlPort(HttpsServer.create(new InetSocketAddress(port), BACKLOG));
    } catch (BindException e) {
      throw new StartException("port-taken", "port " + port + ": " + e.getMessage(), e);
    } catch (IOException | IllegalArgumentException e) {
      throw new StartException("internal", "port " + port + ": " + e.getMessage(), e);
    }
  }

  int number() {
    return server.getAddress().getPort();
  }

  /** Connections that came before wait in the kernel's queue; none is served without TLS. */
  void serve(
      SSLContext context,
      ActorSystem<?> system,
      ActorRef<CoordinatorMessage> coordinator,
      Duration limit,
      Executor executor) {
    Duration pause = system.settings().config().getDuration("dmtcp.cluster.refusals-pause");
    Seldom refused =
        new Seldom(reason -> log.warn("refused a connection to the port: {}", reason), pause);
    server.setHttpsConfigurator(
        new HttpsConfigurator(WatchedTls.of(context, refused)) {
          @Override
          public void configure(HttpsParameters parameters) {
            SSLParameters ssl = context.getDefaultSSLParameters();
            ssl.setProtocols(new String[] {"TLSv1.3"});
            ssl.setNeedClientAuth(true);
            parameters.setSSLParameters(ssl);
          }
        });
    server.setExecutor(executor);
    server.createContext("/command", exchange -> handle(exchange, system, coordinator, limit));
    server.start();
  }

  private static void handle(
      HttpExchange exchange,
      ActorSystem<?> system,
      ActorRef<CoordinatorMessage> coordinator,
      Duration limit)
      throws IOException {
    try (exchange) {
      if (!exchange.getRequestMethod().equals("POST")) {
        respond(exchange, 405, error("bad-request", "only POST is understood"));
        return;
      }
      byte[] body = exchange.getRequestBody().readNBytes(MAX_REQUEST_BYTES + 1);
      if (body.length > MAX_REQUEST_BYTES) {
        respond(exchange, 413, error("bad-request", "the request is too long"));
        return;
      }
      JsonNode request;
      try {
        request = Json.MAPPER.readTree(body);
      } catch (IOException e) {
        respond(exchange, 400, error("bad-request", "no JSON object"));
        return;
      }
      respond(exchange, 200, answer(request, system, coordinator, limit));
    }
  }

  private static ObjectNode answer(
      JsonNode request,
      ActorSystem<?> system,
      ActorRef<CoordinatorMessage> coordinator,
      Duration limit) {
    String op = request.path("op").asText();
    if (op.equals("join")) {
      return Json.MAPPER.createObjectNode()
          .put("ok", true)
          .put("node", RuntimePaths.hostName())
          .put("address", Cluster.address(system))
          .put(
              "coordinator",
              ActorRefResolver.get(system).toSerializationFormat(coordinator));
    }
    Optional<Function<ActorRef<CoordinatorReply>, CoordinatorMessage>> command =
        ControlForms.request(request);
    if (command.isEmpty()) {
      return error("bad-request", "not understood: " + op);
    }
    boolean waits = request.path("blocking").asBoolean();
    CompletionStage<CoordinatorReply> reply =
        AskPattern.ask(
            coordinator,
            command.get()::apply,
            waits ? system.settings().config().getDuration("dmtcp.coordinator.blocking-limit")
                : limit,
            system.scheduler());
    return reply
        .handle(
            (answer, e) ->
                e == null
                    ? ControlForms.answer(answer)
                    : error("internal", "the coordinator does not answer"))
        .toCompletableFuture()
        // Bounded by the limit of the question, on one of the port's own threads. A checkpoint that
        // is waited for holds one, and no more: the coordinator refuses a second one at once.
        .join();
  }

  private static ObjectNode error(String errorId, String text) {
    return ControlForms.answer(new CoordinatorReply.Refused(new Failure(errorId, text)));
  }

  private static void respond(HttpExchange exchange, int status, ObjectNode answer)
      throws IOException {
    byte[] body = Json.MAPPER.writeValueAsBytes(answer);
    exchange.getResponseHeaders().set("Content-Type", "application/json");
    exchange.sendResponseHeaders(status, body.length);
    exchange.getResponseBody().write(body);
  }

  @Override
  public void close() {
    server.stop(0);
    log.debug("port {} is free again", number());
  }
}
