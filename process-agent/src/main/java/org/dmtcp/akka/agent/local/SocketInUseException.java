package org.dmtcp.akka.agent.local;

import java.io.IOException;
import java.nio.file.Path;

/** A live process serves the local socket. */
public final class SocketInUseException extends IOException {
  private static final long serialVersionUID = 1;

  SocketInUseException(Path socket) {
    super(socket + " is served by a running coordinator or agent");
  }
}
