package org.dmtcp.akka.coordinator;

import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.dmtcp.akka.protocol.ImageInfo;
import org.dmtcp.akka.protocol.NodeEvent.EndpointsFound;
import org.dmtcp.akka.protocol.NodeEvent.PhaseReached;
import org.dmtcp.akka.protocol.Phase;
import org.dmtcp.akka.protocol.TcpEndpoint;

/**
 * What the nodes of a round have reported so far, by node, so that a report that comes twice counts
 * once.
 *
 * @param helpers processes of each node that have plugins
 * @param members images that each node will write
 * @param endpoints whose peers a node does not have, until they are matched
 * @param images that each node has written
 * @param stoppedMicros the longest time that the processes of a node stood still
 */
record RoundProgress(
    Map<String, Integer> helpers,
    Map<String, Integer> members,
    Map<String, List<TcpEndpoint>> endpoints,
    Map<String, List<ImageInfo>> images,
    long stoppedMicros) {
  RoundProgress {
    helpers = Map.copyOf(helpers);
    members = Map.copyOf(members);
    endpoints = Map.copyOf(endpoints);
    images = Map.copyOf(images);
  }

  static RoundProgress none() {
    return new RoundProgress(Map.of(), Map.of(), Map.of(), Map.of(), 0);
  }

  RoundProgress with(EndpointsFound report) {
    Map<String, List<TcpEndpoint>> newEndpoints = new HashMap<>(endpoints);
    newEndpoints.merge(
        report.node(),
        report.endpoints(),
        (known, more) -> Stream.concat(known.stream(), more.stream()).distinct().toList());
    return new RoundProgress(helpers, members, newEndpoints, images, stoppedMicros);
  }

  /** Once they are matched nobody needs them. */
  RoundProgress withoutEndpoints() {
    return new RoundProgress(helpers, members, Map.of(), images, stoppedMicros);
  }

  RoundProgress with(PhaseReached report) {
    Map<String, Integer> newHelpers = new HashMap<>(helpers);
    Map<String, Integer> newMembers = new HashMap<>(members);
    Map<String, List<ImageInfo>> newImages = new HashMap<>(images);
    if (report.phase() == Phase.PREPARE) {
      newHelpers.put(report.node(), report.members());
    }
    if (report.phase() == Phase.FREEZE || report.phase() == Phase.PRECHECKPOINT) {
      newMembers.put(report.node(), report.members());
    }
    if (report.phase() == Phase.WRITE) {
      newImages.put(report.node(), report.images());
    }
    return new RoundProgress(
        newHelpers, newMembers, endpoints, newImages, Math.max(stoppedMicros, report.stoppedMicros()));
  }

  int allHelpers() {
    return helpers.values().stream().mapToInt(Integer::intValue).sum();
  }

  int total() {
    return members.values().stream().mapToInt(Integer::intValue).sum();
  }

  List<ImageInfo> allImages() {
    return images.values().stream()
        .flatMap(List::stream)
        .sorted(Comparator.comparing(ImageInfo::host).thenComparing(ImageInfo::virtualPid))
        .toList();
  }

  /** One image of every member, each of its own. */
  boolean isComplete() {
    List<ImageInfo> all = allImages();
    return all.size() == total()
        && all.stream().map(ImageInfo::uniquePid).distinct().count() == all.size()
        && all.stream().map(i -> i.host() + i.path()).distinct().count() == all.size();
  }
}
