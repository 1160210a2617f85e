package org.dmtcp.akka.agent.node;

import akka.actor.typed.Behavior;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.dmtcp.akka.agent.engine.NativeEngine;
import org.dmtcp.akka.config.RuntimePaths;
import org.dmtcp.akka.protocol.NodeAgentProvider;
import org.dmtcp.akka.protocol.NodeCommand;
import org.dmtcp.akka.protocol.NodeEnvironment;

/** The node agent of a JVM, with this host's engine; found by {@link java.util.ServiceLoader}. */
public final class NodeAgentService implements NodeAgentProvider {
  @Override
  public Behavior<NodeCommand> nodeAgent(NodeEnvironment environment) {
    NodeSettings settings = NodeSettings.of(environment.config());
    ProcFs proc = new ProcFs(Path.of("/proc"));
    try {
      return NodeAgent.create(environment, settings, new NodeAgent.Parts(
          NativeEngine.starter(
              executable(settings.engineProgram()), readable(settings.engineLibrary())),
          proc,
          new UniquePids(RuntimePaths.hostName(), machineId(), proc.bootMillis())));
    } catch (IOException e) {
      throw new UncheckedIOException("no node agent: " + e.getMessage(), e);
    }
  }

  private static Path executable(Path program) throws IOException {
    if (!Files.isExecutable(program)) {
      throw new IOException(program + " is missing or cannot be executed");
    }
    return program;
  }

  private static Path readable(Path library) throws IOException {
    if (!Files.isReadable(library)) {
      throw new IOException(library + " is missing or cannot be read");
    }
    return library;
  }

  /** See machine-id(5); containers may have none. */
  private static String machineId() {
    try {
      return Files.readString(Path.of("/etc/machine-id")).strip();
    } catch (IOException e) {
      return "";
    }
  }
}
