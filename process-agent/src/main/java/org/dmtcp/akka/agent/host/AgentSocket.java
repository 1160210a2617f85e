package org.dmtcp.akka.agent.host;

import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import org.dmtcp.akka.agent.node.Registered;
import org.dmtcp.akka.config.RuntimePaths;

/**
 * Where this host's agent of a coordinator serves. Commands go by what they can find out themselves
 * of a coordinator's address; the coordinator may have several. So the socket is named after the
 * address that it tells itself, and the commands' name leads there.
 */
final class AgentSocket {
  private final int port;
  private final RuntimePaths paths;
  private final Path byCommands;

  /** @param key the commands' name of the coordinator's host */
  AgentSocket(String key, int port) {
    this.port = port;
    String name = RuntimePaths.agentSocket(key, port);
    this.paths = RuntimePaths.of(System.getenv(), name);
    this.byCommands = paths.socket(name);
  }

  /** @param host of the coordinator, as it says itself */
  Path of(String host) throws IOException {
    // What has processes stays: the coordinator may have another address than when they began.
    Path before = Files.isSymbolicLink(byCommands)
        ? Files.readSymbolicLink(byCommands) : byCommands;
    if (Registered.anyLives(before)) {
      return before;
    }
    String name = RuntimePaths.agentSocket(host, port);
    return RuntimePaths.of(System.getenv(), name).socket(name);
  }

  /** From now on the commands find this one. Whoever is here has found nobody. */
  void lead(Path socket) throws IOException {
    if (socket.equals(byCommands)) {
      return;
    }
    paths.create();
    Path link = byCommands.resolveSibling(
        byCommands.getFileName() + "." + ProcessHandle.current().pid());
    Files.deleteIfExists(link); // of a dead one with our number
    Files.createSymbolicLink(link, socket);
    Files.move(link, byCommands, StandardCopyOption.ATOMIC_MOVE);
  }

  static boolean isServed(Path socket) {
    try {
      SocketChannel.open(UnixDomainSocketAddress.of(socket)).close();
      return true;
    } catch (IOException e) {
      return false;
    }
  }
}
