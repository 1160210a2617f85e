package org.dmtcp.akka.protocol;

/**
 * One end of a TCP connection whose other end is not on the same node, as the engine found it with
 * everything frozen. Addresses are numbers in text; one mapped into IPv6 is written as IPv4.
 *
 * @param key the engine's own name for it, unique on the node within the round, not empty; of one
 *     that waits its listener's, which others may have too
 * @param network the network namespace: two of one node that differ may use the same addresses
 * @param waiting no program has accepted it yet: it stands in a listener's queue
 * @param state the kernel's number, {@code TCP_ESTABLISHED} is 1, see include/net/tcp_states.h
 * @param unsent bytes that the peer has not acknowledged
 * @param unread bytes that the program has not read
 */
public record TcpEndpoint(
    String key,
    String network,
    boolean waiting,
    int state,
    String localAddress,
    int localPort,
    String remoteAddress,
    int remotePort,
    long unsent,
    long unread) {
  public TcpEndpoint {
    Checks.notEmpty(key, "key");
    Checks.notEmpty(localAddress, "localAddress");
    Checks.notEmpty(remoteAddress, "remoteAddress");
    Checks.atLeast(1, localPort, "localPort");
    Checks.atLeast(1, remotePort, "remotePort");
    Checks.atLeast(0, unsent, "unsent");
    Checks.atLeast(0, unread, "unread");
  }
}
