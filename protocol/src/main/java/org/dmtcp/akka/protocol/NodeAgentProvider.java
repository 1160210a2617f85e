package org.dmtcp.akka.protocol;

import akka.actor.typed.Behavior;
import java.util.ServiceLoader;

/**
 * Makes the node agent of this JVM. The coordinator finds it with {@link ServiceLoader}, so that it
 * needs no dependency on the module that implements it.
 */
public interface NodeAgentProvider {

  /**
   * A node agent that joins the coordinator, drives the engine of this host and serves the local
   * socket. It stops after {@code Leave}; if it cannot serve the socket or start the engine it
   * fails at once.
   */
  Behavior<NodeCommand> nodeAgent(NodeEnvironment environment);
}
