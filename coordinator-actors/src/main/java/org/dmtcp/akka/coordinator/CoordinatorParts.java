package org.dmtcp.akka.coordinator;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import org.dmtcp.akka.protocol.CoordinatorMessage;
import org.dmtcp.akka.protocol.NodeCommand;

/**
 * What a coordinator is made with.
 *
 * @param ready gets the published reference once this JVM's node has joined
 * @param ending gets the reason before the actor stops
 */
public record CoordinatorParts(
    CoordinatorSettings settings,
    RestartScript script,
    Notes notes,
    OwnNode ownNode,
    CompletableFuture<ActorRef<CoordinatorMessage>> ready,
    CompletableFuture<Coordinator.Ending> ending) {

  /** Makes the node agent of this JVM, given where it reports to. */
  @FunctionalInterface
  public interface OwnNode extends Function<ActorRef<CoordinatorMessage>, Behavior<NodeCommand>> {}
}
