package org.dmtcp.akka.agent.engine;

import java.io.IOException;

/** The engine process could not be started, or has ended. */
public final class EngineException extends IOException {
  private static final long serialVersionUID = 1;

  EngineException(String message) {
    super(message);
  }
}
