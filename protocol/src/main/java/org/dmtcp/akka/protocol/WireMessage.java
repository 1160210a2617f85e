package org.dmtcp.akka.protocol;

/** Everything that may leave a JVM. Sealed, so that a test can list it. */
public sealed interface WireMessage permits CoordinatorMessage, CoordinatorReply, NodeCommand {}
