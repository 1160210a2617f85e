package org.dmtcp.akka.coordinator;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.dmtcp.akka.protocol.ConnectionEnd;
import org.dmtcp.akka.protocol.TcpEndpoint;

/**
 * Which endpoints of all nodes are the two ends of one connection: those whose addresses mirror
 * each other. Where addresses are used twice (networks of containers that know nothing of each
 * other) nobody can tell, and the endpoints count as connected to the outside. The same reports
 * give the same numbers, whatever the order in which nodes report.
 */
final class EndpointMatch {
  /** An address pair, as seen from one end. Its hash is not left to the record: there are many. */
  private record Way(String local, int localPort, String remote, int remotePort) {
    static Way of(TcpEndpoint e) {
      return new Way(e.localAddress(), e.localPort(), e.remoteAddress(), e.remotePort());
    }

    static Way back(TcpEndpoint e) {
      return new Way(e.remoteAddress(), e.remotePort(), e.localAddress(), e.localPort());
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof Way w && localPort == w.localPort && remotePort == w.remotePort
          && local.equals(w.local) && remote.equals(w.remote);
    }

    @Override
    public int hashCode() {
      return ((local.hashCode() * 31 + localPort) * 31 + remote.hashCode()) * 31 + remotePort;
    }
  }

  private record Found(String node, TcpEndpoint endpoint, boolean isUnique) {
    boolean isBefore(Found other) {
      int nodes = node.compareTo(other.node);
      return nodes < 0 || (nodes == 0 && endpoint.key().compareTo(other.endpoint.key()) < 0);
    }
  }

  private EndpointMatch() {}

  /**
   * @param reports endpoints by node
   * @return what each node is to be told; nodes without a matched endpoint are not in it
   */
  static Map<String, List<ConnectionEnd>> of(
      Map<String, ? extends Collection<TcpEndpoint>> reports) {
    int count = reports.values().stream().mapToInt(Collection::size).sum();
    Map<Way, Found> known = new HashMap<>(count * 4 / 3 + 1);
    List<Found> inOrder = new ArrayList<>(count);
    reports.entrySet().stream()
        .sorted(Map.Entry.comparingByKey())
        .forEach(
            report -> {
              for (TcpEndpoint e : report.getValue()) {
                Found one = new Found(report.getKey(), e, true);
                Found before = known.put(Way.of(e), one);
                if (before == null) {
                  inOrder.add(one);
                } else {
                  known.put(Way.of(e), new Found(report.getKey(), e, false));
                }
              }
            });
    Map<String, List<ConnectionEnd>> answers = new LinkedHashMap<>();
    long number = 0;
    for (Found one : inOrder) {
      Found other = known.get(Way.back(one.endpoint()));
      if (other != null && other.isUnique() && one.isBefore(other)
          && known.get(Way.of(one.endpoint())).isUnique()) {
        number++;
        boolean oneAccepts = one.endpoint().waiting() || !other.endpoint().waiting();
        tell(answers, number, one, other, oneAccepts);
        tell(answers, number, other, one, !oneAccepts);
      }
    }
    return answers;
  }

  private static void tell(
      Map<String, List<ConnectionEnd>> answers, long number, Found to, Found peer, boolean accepts) {
    answers
        .computeIfAbsent(to.node(), node -> new ArrayList<>())
        .add(
            new ConnectionEnd(
                to.endpoint().key(),
                number,
                accepts,
                peer.node(),
                peer.endpoint().state(),
                peer.endpoint().unsent(),
                peer.endpoint().unread()));
  }
}
