package org.dmtcp.akka.protocol;

/** Whatever the coordinator's one published reference accepts. */
public sealed interface CoordinatorMessage extends WireMessage
    permits CoordinatorRequest, NodeEvent {}
