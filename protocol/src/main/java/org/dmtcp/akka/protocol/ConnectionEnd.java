package org.dmtcp.akka.protocol;

/**
 * What the coordinator found out about a {@link TcpEndpoint}: its other end is a member's too. An
 * endpoint for which there is none of these has its peer outside the computation.
 *
 * @param key of the endpoint
 * @param connection number of the connection within the generation, from 1; the same at both ends
 * @param acceptor at a restart this end waits and the other one connects
 * @param peerNode node of the other end
 * @param peerState the other end's, see {@link TcpEndpoint}
 * @param peerUnsent the other end's: this one must have room for them
 * @param peerUnread the other end's
 */
public record ConnectionEnd(
    String key,
    long connection,
    boolean acceptor,
    String peerNode,
    int peerState,
    long peerUnsent,
    long peerUnread) {
  public ConnectionEnd {
    Checks.notEmpty(key, "key");
    Checks.atLeast(1, connection, "connection");
    Checks.notEmpty(peerNode, "peerNode");
    Checks.atLeast(0, peerUnsent, "peerUnsent");
    Checks.atLeast(0, peerUnread, "peerUnread");
  }
}
