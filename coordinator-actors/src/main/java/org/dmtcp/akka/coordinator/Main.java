package org.dmtcp.akka.coordinator;

import akka.actor.typed.ActorRef;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.Behavior;
import akka.actor.typed.DispatcherSelector;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import javax.net.ssl.SSLContext;
import org.dmtcp.akka.config.ClusterKeys;
import org.dmtcp.akka.config.Credential;
import org.dmtcp.akka.config.ErrorTable;
import org.dmtcp.akka.config.ExitCode;
import org.dmtcp.akka.config.JvmConfig;
import org.dmtcp.akka.config.Options;
import org.dmtcp.akka.config.RuntimePaths;
import org.dmtcp.akka.protocol.CoordinatorMessage;
import org.dmtcp.akka.protocol.NodeAgentProvider;
import org.dmtcp.akka.protocol.NodeCommand;
import org.dmtcp.akka.protocol.NodeEnvironment;

/**
 * {@code dmtcp_coordinator}: the program behind the native launcher of that name, which has handled
 * {@code --help}, {@code --daemon} and what else needs no Java.
 */
public final class Main {
  /** The JVM ends by {@code halt}: nothing but our own order of ending is wanted. */
  public static void main(String[] words) {
    ExitCode code;
    try {
      Options.Given given = Options.parse("coordinator", List.of(words), System.getenv());
      code = given.values().containsKey("help") ? Help.print() : run(given);
    } catch (Options.UsageException e) {
      code = fail(ExitCode.USAGE_OR_TIMEOUT, "bad-option", e.getMessage());
    } catch (StartException e) {
      code = fail(ExitCode.FAILED, e.errorId(), e.getMessage());
    }
    System.out.flush();
    System.err.flush();
    Runtime.getRuntime().halt(code.number());
  }

  /** Why the coordinator cannot start, in words for the user. */
  static final class StartException extends Exception {
    private static final long serialVersionUID = 1L;
    private final String errorId;

    StartException(String errorId, String message, Throwable cause) {
      super(message, cause);
      this.errorId = errorId;
    }

    String errorId() {
      return errorId;
    }
  }

  private static ExitCode fail(ExitCode code, String errorId, String text) {
    System.err.println("dmtcp_coordinator: error: " + text + " [" + errorId + "]");
    System.err.println("  " + ErrorTable.remedy(errorId));
    return code;
  }

  private static ExitCode run(Options.Given given) throws StartException, Options.UsageException {
    Config config = config(given);
    Config own = config.getConfig("dmtcp.coordinator");
    Console console =
        new Console(LogSetup.quiet(own.getInt("quiet")), own.getBoolean("daemon"));
    String host = RuntimePaths.hostName();
    try (ControlPort port = ControlPort.bind(own.getInt("coord-port"));
        RunFiles files = new RunFiles(own, port.number())) {
      CoordinatorSettings settings =
          CoordinatorSettings.of(
              config.getConfig("dmtcp"), host, address(host), port.number());
      Credential credential = credential();
      CompletableFuture<SSLContext> tls = CompletableFuture.supplyAsync(() -> context(credential));
      CompletableFuture<ActorRef<CoordinatorMessage>> ready = new CompletableFuture<>();
      CompletableFuture<Coordinator.Ending> ending = new CompletableFuture<>();
      ActorSystem<Coordinator.Command> system =
          ActorSystem.create(
              Coordinator.create(new CoordinatorParts(
                  settings,
                  new RestartScript(restartCommand(config)),
                  console,
                  reference -> ownNode(config, settings, reference),
                  ready,
                  ending)),
              "dmtcp",
              ConfigFactory.parseMap(
                  ClusterKeys.of(config, credential, ClusterKeys::ownAddress))
                  .withFallback(config));
      endWith(system, ending);
      Signals.install(signal -> system.tell(new Coordinator.Close("signal " + signal)), files);
      ending.thenAccept(end -> ready.cancel(false)); // nothing to wait for any more
      await(ready, ending, config);
      if (ready.isDone() && !ready.isCancelled()) {
        SSLContext context = usable(tls); // before anybody is told that we are there
        tell(files, settings);
        nameProcess(settings.port());
        console.banner(settings);
        console.start(ready.join(), system);
        serve(port, context, system, ready.join());
      }
      Coordinator.Ending end = ending.join();
      console.ending(end.reason());
      return end.code();
    } catch (Credential.UnusableException e) {
      throw new StartException("credential-unusable", e.getMessage(), e);
    } catch (IOException e) {
      throw new StartException("image-unwritable", String.valueOf(e.getMessage()), e);
    }
  }

  /** Akka ends by itself where the cluster has put us out: nobody could take our place. */
  static void endWith(
      ActorSystem<?> system, CompletableFuture<Coordinator.Ending> ending) {
    system.getWhenTerminated().whenComplete((done, e) -> ending.complete(new Coordinator.Ending(
        ExitCode.FAILED, "the cluster has put this coordinator out, the programs run on")));
  }

  private static void tell(RunFiles files, CoordinatorSettings settings) throws StartException {
    try {
      files.started(settings);
    } catch (IOException e) {
      throw new StartException("file-unwritable", e.getMessage(), e);
    }
  }

  /** What only other hosts need: a person at this one does not wait for it. */
  private static void serve(
      ControlPort port,
      SSLContext context,
      ActorSystem<?> system,
      ActorRef<CoordinatorMessage> coordinator)
      throws IOException {
    Cluster.form(system);
    port.serve(
        context,
        system,
        coordinator,
        system.settings().config().getDuration("dmtcp.coordinator.ask-limit"),
        system.dispatchers().lookup(DispatcherSelector.fromConfig("dmtcp.control-dispatcher")));
  }

  /** As DMTCP's coordinator is named in process lists; without it we are only harder to find. */
  private static void nameProcess(int port) {
    try {
      Files.writeString(Path.of("/proc/self/comm"), "dmtcp_coor:" + port);
    } catch (IOException e) {
      System.err.println("dmtcp_coordinator: /proc/self/comm: " + e.getMessage());
    }
  }

  /** The file system's exceptions have the bare path as their message. */
  private static String reason(IOException e) {
    return e instanceof NoSuchFileException
        ? e.getMessage() + " is missing"
        : e instanceof AccessDeniedException
            ? e.getMessage() + ": permission denied" : String.valueOf(e.getMessage());
  }

  private static Credential credential() throws StartException {
    try {
      return Credential.open(Credential.directory(System.getenv()));
    } catch (IOException e) {
      throw new StartException("credential-unusable", reason(e), e);
    }
  }

  private static SSLContext context(Credential credential) {
    try {
      return credential.context();
    } catch (IOException e) {
      throw new CompletionException(e);
    }
  }

  private static SSLContext usable(CompletableFuture<SSLContext> tls) throws IOException {
    try {
      return tls.join();
    } catch (CompletionException e) {
      throw e.getCause() instanceof IOException cause ? cause : new IOException(e.getCause());
    }
  }

  /** Either is complete afterwards. */
  private static void await(
      CompletableFuture<ActorRef<CoordinatorMessage>> ready,
      CompletableFuture<Coordinator.Ending> ending,
      Config config)
      throws StartException {
    long limitMillis = config.getDuration("dmtcp.coordinator.start-limit").toMillis();
    try {
      CompletableFuture.anyOf(ready, ending).get(limitMillis, TimeUnit.MILLISECONDS);
    } catch (TimeoutException e) {
      throw new StartException(
          "internal", "the node agent of this host did not start in " + limitMillis + " ms", e);
    } catch (InterruptedException | ExecutionException | RuntimeException e) {
      ending.join(); // ready was cancelled: the reason is there
    }
  }

  private static Config config(Options.Given given) throws Options.UsageException {
    Map<String, Object> keys = JvmConfig.coordinator(given);
    List<String> arguments = given.arguments();
    if (arguments.size() > 1) {
      throw new Options.UsageException("one port is enough: " + String.join(" ", arguments));
    }
    if (!arguments.isEmpty()) {
      keys.put("dmtcp.coordinator.coord-port", arguments.get(0));
    }
    try {
      Config config = JvmConfig.load(keys);
      config.getInt("dmtcp.coordinator.coord-port");
      config.getInt("dmtcp.coordinator.quiet");
      CoordinatorSettings.of(config.getConfig("dmtcp"), "", "", 0);
      return config;
    } catch (com.typesafe.config.ConfigException e) {
      throw new Options.UsageException("bad value: " + e.getMessage());
    }
  }

  private static Behavior<NodeCommand> ownNode(
      Config config, CoordinatorSettings settings, ActorRef<CoordinatorMessage> coordinator) {
    NodeAgentProvider provider =
        ServiceLoader.load(NodeAgentProvider.class)
            .findFirst()
            .orElseThrow(() -> new IllegalStateException("no node agent in the class path"));
    String name = RuntimePaths.coordinatorSocket(settings.port());
    Path socket = RuntimePaths.of(System.getenv(), name).socket(name);
    return provider.nodeAgent(
        new NodeEnvironment(
            settings.host(), coordinator, settings.host(), settings.port(), socket, config));
  }

  private static String restartCommand(Config config) {
    return Path.of(config.getString("dmtcp.tree")).resolve("bin/dmtcp_restart").toString();
  }

  /** For display only; a name that cannot be resolved must not delay or stop us. */
  private static String address(String host) {
    try {
      return InetAddress.getByName(host).getHostAddress();
    } catch (IOException e) {
      return InetAddress.getLoopbackAddress().getHostAddress();
    }
  }

  private Main() {}
}
