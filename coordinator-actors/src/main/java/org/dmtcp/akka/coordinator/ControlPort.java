package org.dmtcp.akka.coordinator;

import com.sun.net.httpserver.HttpsServer;
import java.io.IOException;
import java.net.BindException;
import java.net.InetSocketAddress;
import org.dmtcp.akka.coordinator.Main.StartException;

/** The port that people know, taken at once: whoever has it is the coordinator there. */
final class ControlPort implements AutoCloseable {
  private static final int BACKLOG = 128;

  private final HttpsServer server;

  private ControlPort(HttpsServer server) {
    this.server = server;
  }

  /** @param port 0 for any free one */
  static ControlPort bind(int port) throws StartException {
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

  HttpsServer server() {
    return server;
  }

  @Override
  public void close() {
    server.stop(0);
  }
}
