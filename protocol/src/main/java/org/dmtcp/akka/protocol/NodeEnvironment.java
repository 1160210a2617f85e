package org.dmtcp.akka.protocol;

import akka.actor.typed.ActorRef;
import com.typesafe.config.Config;
import java.nio.file.Path;

/**
 * What a node agent is given by the JVM that hosts it.
 *
 * @param node its name in the cluster
 * @param coordinator where its events and its clients' requests go
 * @param coordinatorHost as the clients of its socket are told
 * @param coordinatorPort the control port, the address that people know
 * @param socket path of the local socket that it is to serve
 * @param config the whole configuration of the JVM
 */
public record NodeEnvironment(
    String node,
    ActorRef<CoordinatorMessage> coordinator,
    String coordinatorHost,
    int coordinatorPort,
    Path socket,
    Config config) {}
