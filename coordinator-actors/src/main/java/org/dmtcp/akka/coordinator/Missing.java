package org.dmtcp.akka.coordinator;

import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * Hosts that may run processes of the computation although we do not see them: without them there
 * is no checkpoint, since it would take the place of one that has all.
 *
 * @param lost number of processes on hosts that were lost and have not come back
 * @param takenOver the computation was another coordinator's: we need not have seen all its hosts
 */
record Missing(Map<String, Integer> lost, boolean takenOver) {
  static final Missing NOBODY = new Missing(Map.of(), false);

  Missing {
    lost = Map.copyOf(lost);
  }

  Missing with(String host, int processes) {
    Map<String, Integer> more = new TreeMap<>(lost);
    more.put(host, processes);
    return new Missing(more, takenOver);
  }

  Missing without(String host) {
    Map<String, Integer> rest = new TreeMap<>(lost);
    rest.remove(host);
    return new Missing(rest, takenOver);
  }

  boolean isAnybodyLost() {
    return !lost.isEmpty();
  }

  /** In words for the user. */
  String describe() {
    return "lost hosts may still run processes of the computation: "
        + new TreeMap<>(lost).entrySet().stream()
            .map(e -> e.getKey() + " with " + e.getValue() + " process(es)")
            .collect(Collectors.joining(", "));
  }
}
