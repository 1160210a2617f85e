package org.dmtcp.akka.coordinator;

import java.util.ArrayList;
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
  /** An address pair, as seen from one end. */
  private record Way(String local, int localPort, String remote, int remotePort) {
    static Way of(TcpEndpoint e) {
      return new Way(e.localAddress(), e.localPort(), e.remoteAddress(), e.remotePort());
    }

    Way back() {
      return new Way(remote, remotePort, local, localPort);
    }
  }

  private record Found(String node, TcpEndpoint endpoint) {
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
  static Map<String, List<ConnectionEnd>> of(Map<String, List<TcpEndpoint>> reports) {
    Map<Way, Found> known = new LinkedHashMap<>();
    Map<Way, Integer> times = new HashMap<>();
    reports.entrySet().stream()
        .sorted(Map.Entry.comparingByKey())
        .forEach(
            report -> {
              for (TcpEndpoint e : report.getValue()) {
                known.put(Way.of(e), new Found(report.getKey(), e));
                times.merge(Way.of(e), 1, Integer::sum);
              }
            });
    Map<String, List<ConnectionEnd>> answers = new LinkedHashMap<>();
    long number = 0;
    for (Map.Entry<Way, Found> entry : known.entrySet()) {
      Way back = entry.getKey().back();
      Found one = entry.getValue();
      Found other = known.get(back);
      boolean isUnique = times.get(entry.getKey()) == 1 && times.getOrDefault(back, 0) == 1;
      if (isUnique && one != other && one.isBefore(other)) {
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
