package org.dmtcp.akka.agent.host;

import akka.actor.typed.ActorSystem;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import java.io.IOException;
import java.net.ConnectException;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import org.dmtcp.akka.agent.node.NodeAgentService;
import org.dmtcp.akka.agent.node.Registered;
import org.dmtcp.akka.config.ClusterKeys;
import org.dmtcp.akka.config.Credential;
import org.dmtcp.akka.config.ErrorTable;
import org.dmtcp.akka.config.ExitCode;
import org.dmtcp.akka.config.JvmConfig;
import org.dmtcp.akka.config.RuntimePaths;
import org.dmtcp.akka.protocol.NodeEnvironment;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * {@code dmtcp_agent HOST PORT}: the JVM that looks after this host's processes for a coordinator
 * on another one. It joins, and when it loses the coordinator it waits for one at the same address
 * as long as there are processes to look after.
 */
public final class AgentMain {
  private static final Logger log = LoggerFactory.getLogger(AgentMain.class);

  private final String host;
  private final int port;
  private final Config config;
  private final Credential credential;
  private final SSLContext tls;
  private final AgentSocket sockets;
  private final CompletableFuture<String> sentAway = new CompletableFuture<>();

  /** The JVM ends by {@code halt}: its native launcher starts it again after anything else. */
  public static void main(String[] words) {
    ExitCode code;
    try {
      code = new AgentMain(words[0], Integer.parseInt(words[1]), words[2]).run();
    } catch (IOException e) {
      code = fail("coordinator-unreachable", e.getMessage());
    } catch (RuntimeException e) {
      code = fail("internal", e.toString());
    }
    System.err.flush();
    Runtime.getRuntime().halt(code.number());
  }

  private static ExitCode fail(String errorId, String text) {
    System.err.println("dmtcp_agent: error: " + text + " [" + errorId + "]");
    System.err.println("  " + ErrorTable.remedy(errorId));
    return ExitCode.FAILED;
  }

  /** @param key names the host in the same way, whatever the user called it */
  private AgentMain(String host, int port, String key) throws IOException {
    this.host = host;
    this.port = port;
    Map<String, Object> keys = new HashMap<>();
    Config defaults = JvmConfig.load(Map.of());
    keys.put("dmtcp.agent.idle-limit", defaults.getString("dmtcp.agent.remote.idle-limit"));
    this.config = JvmConfig.load(keys);
    this.credential = Credential.open(Credential.directory(System.getenv()));
    this.tls = credential.context();
    this.sockets = new AgentSocket(key, port);
  }

  /** @throws IOException the coordinator could not be reached even once */
  private ExitCode run() throws IOException {
    ControlClient.Way way = way();
    Path socket = sockets.of(way.host());
    sockets.lead(socket);
    if (AgentSocket.isServed(socket)) {
      return ExitCode.DONE;
    }
    AgentGuardian.End end = serve(way, socket);
    if (end == AgentGuardian.End.NOT_ADMITTED && !Registered.anyLives(socket)) {
      throw new IOException("the coordinator at " + host + ":" + port
          + " answers, but has not admitted this host within "
          + duration("join-limit").toSeconds() + " s: its address for other hosts may not be"
          + " reachable from here, or one of both is very busy");
    }
    if (end == AgentGuardian.End.LOST && !Registered.anyLives(socket)) {
      throw hasEnded();
    }
    while (end.isToBeTriedAgain() && awaitWay(socket)) {
      try {
        end = serve(way(), socket);
      } catch (IOException e) {
        log.info("{}:{}: {}", host, port, e.getMessage());
      }
    }
    if (end == AgentGuardian.End.SENT_AWAY && Registered.anyLives(socket)) {
      return fail("host-refused", "the coordinator at " + host + ":" + port
          + " goes on without this host, whose programs run on: " + sentAway.getNow(""));
    }
    return ExitCode.DONE;
  }

  private Duration duration(String key) {
    return config.getDuration("dmtcp.agent.remote." + key);
  }

  private ControlClient.Way way() throws IOException {
    ControlClient.Way way;
    try {
      way = ControlClient.ask(tls, host, port, duration("control-limit"));
    } catch (IOException e) {
      throw new IOException("the coordinator at " + host + ":" + port + ": " + reason(e), e);
    }
    if (way.node().equals(RuntimePaths.hostName())) {
      throw new IOException("the coordinator at " + host + ":" + port + " is on a host with our own"
          + " name, " + way.node() + ": if it is this one, say localhost; else rename one of them");
    }
    return way;
  }

  /** What the JDK says in terms of its own classes, or by a bare name. */
  private String reason(IOException e) {
    if (e instanceof UnknownHostException) {
      return "no host of that name is known";
    }
    if (e instanceof SSLException) {
      return "who answers there does not hold the credential in "
          + credential.certificateFile().getParent()
          + ": it is not a coordinator of this user, or that directory differs between the hosts";
    }
    return e.getMessage();
  }

  /** Pauses before the next attempt. False: nobody is left to look after. */
  private boolean awaitWay(Path socket) {
    try {
      Thread.sleep(duration("retry").toMillis());
    } catch (InterruptedException e) {
      return false;
    }
    return Registered.anyLives(socket);
  }

  private AgentGuardian.End serve(ControlClient.Way way, Path socket) throws IOException {
    CompletableFuture<AgentGuardian.End> end = new CompletableFuture<>();
    CompletableFuture<Void> ready = new CompletableFuture<>();
    ActorSystem<AgentGuardian.Command> system =
        ActorSystem.create(
            AgentGuardian.create(new AgentGuardian.Parts(
                way, duration("join-limit"),
                coordinator -> new NodeAgentService().nodeAgent(new NodeEnvironment(
                    RuntimePaths.hostName(), coordinator, host, port, socket, config)),
                ready, sentAway, end)),
            "dmtcp",
            ConfigFactory.parseMap(ClusterKeys.of(config, credential, way::ownAddress))
                .withFallback(config));
    ready.thenRun(() -> log.info("agent of {} for the coordinator at {}:{}",
        RuntimePaths.hostName(), host, port));
    // Also when the cluster puts us out: then the system ends first.
    system.getWhenTerminated().whenComplete((done, e) -> end.complete(AgentGuardian.End.LOST));
    boolean isGone = !awaitAdmission(way, ready, end);
    if (isGone) {
      end.complete(AgentGuardian.End.LOST);
    }
    AgentGuardian.End how = end.join();
    if (!how.isSaid()) {
      system.terminate(); // else it ends itself when it has said good-bye to the cluster
    }
    try {
      system.getWhenTerminated().toCompletableFuture()
          .get(duration("leave-limit").toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException | InterruptedException | ExecutionException | CompletionException e) {
      log.warn("the actor system of {} does not end: {}", way.address(), e.toString());
    }
    log.info("membership at {}: {}", way.address(), how);
    if (isGone) {
      throw hasEnded();
    }
    return how;
  }

  private IOException hasEnded() {
    return new IOException("the coordinator at " + host + ":" + port + " has just ended");
  }

  /**
   * A coordinator that is ending still tells the way for a moment, but admits nobody any more.
   *
   * @return false: it has ended meanwhile
   */
  private boolean awaitAdmission(ControlClient.Way way, CompletableFuture<Void> ready,
      CompletableFuture<AgentGuardian.End> end) {
    CompletableFuture<Object> either = CompletableFuture.anyOf(ready, end);
    while (true) {
      try {
        either.get(duration("retry").toMillis(), TimeUnit.MILLISECONDS);
        return true;
      } catch (TimeoutException e) {
        if (!isThere(way)) {
          return false;
        }
      } catch (InterruptedException | ExecutionException e) {
        return true;
      }
    }
  }

  /** Is it still the same one? One that is slow to answer may be. */
  private boolean isThere(ControlClient.Way way) {
    try {
      return ControlClient.ask(tls, host, port, duration("control-limit"))
          .coordinator().equals(way.coordinator());
    } catch (ConnectException e) {
      return false;
    } catch (IOException e) {
      log.info("{}:{}: {}", host, port, e.getMessage());
      return true;
    }
  }
}
