package org.dmtcp.akka.coordinator;

import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.dmtcp.akka.protocol.ImageInfo;
import org.dmtcp.akka.protocol.NodeEvent.EndpointsFound;
import org.dmtcp.akka.protocol.NodeEvent.PhaseReached;
import org.dmtcp.akka.protocol.Phase;
import org.dmtcp.akka.protocol.TcpEndpoint;

/**
 * What the nodes of a round have reported so far, by node, so that a report that comes twice counts
 * once. It changes in place, and only its round touches it: with 500 nodes most of a round was
 * spent on copying it at every report.
 */
final class RoundProgress {
  private final Map<String, Integer> helpers = new HashMap<>();
  private final Map<String, Integer> members = new HashMap<>();
  private final Map<String, Set<TcpEndpoint>> endpoints = new HashMap<>();
  private final Map<String, List<ImageInfo>> images = new HashMap<>();
  private long stoppedMicros;

  void add(EndpointsFound report) {
    endpoints.computeIfAbsent(report.node(), node -> new LinkedHashSet<>())
        .addAll(report.endpoints());
  }

  void add(PhaseReached report) {
    if (report.phase() == Phase.PREPARE) {
      helpers.put(report.node(), report.members());
    }
    if (report.phase() == Phase.FREEZE || report.phase() == Phase.PRECHECKPOINT
        || report.phase() == Phase.RESUME) {
      members.put(report.node(), report.members());
    }
    if (report.phase() == Phase.WRITE) {
      images.put(report.node(), report.images());
    }
    stoppedMicros = Math.max(stoppedMicros, report.stoppedMicros());
  }

  /** Those whose peers a node does not have, by node, until they are matched. */
  Map<String, Set<TcpEndpoint>> endpoints() {
    return endpoints;
  }

  /** Once they are matched nobody needs them. */
  void forgetEndpoints() {
    endpoints.clear();
  }

  /** The longest time that the processes of a node stood still. */
  long stoppedMicros() {
    return stoppedMicros;
  }

  /** Processes that have plugins. */
  int allHelpers() {
    return helpers.values().stream().mapToInt(Integer::intValue).sum();
  }

  /** Images that all nodes will write. */
  int total() {
    return members.values().stream().mapToInt(Integer::intValue).sum();
  }

  List<ImageInfo> allImages() {
    return images.values().stream()
        .flatMap(List::stream)
        .sorted(RoundProgress::byHostAndPid)
        .toList();
  }

  private static int byHostAndPid(ImageInfo a, ImageInfo b) {
    int hosts = a.host().compareTo(b.host());
    return hosts != 0 ? hosts : Integer.compare(a.virtualPid(), b.virtualPid());
  }

  /** One image of every member, each of its own. */
  boolean isComplete() {
    Set<String> uniquePids = new HashSet<>();
    Set<List<String>> files = new HashSet<>();
    int count = 0;
    for (List<ImageInfo> some : images.values()) {
      for (ImageInfo image : some) {
        uniquePids.add(image.uniquePid());
        files.add(List.of(image.host(), image.path()));
        count++;
      }
    }
    return count == total() && uniquePids.size() == count && files.size() == count;
  }
}
