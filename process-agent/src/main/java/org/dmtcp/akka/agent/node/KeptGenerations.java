package org.dmtcp.akka.agent.node;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Generations that have a directory each, {@code <checkpoint directory>/ckpt_<computation>_<number>}
 * ({@code --enable-unique-checkpoint-filenames}, {@code --keep}). The manifest in it says that a
 * generation was committed.
 */
final class KeptGenerations {
  private static final Logger log = LoggerFactory.getLogger(KeptGenerations.class);

  private KeptGenerations() {}

  static String name(String computationId, long generation) {
    return String.format("ckpt_%s_%05d", computationId, generation);
  }

  /** Where they are side by side. After a restart the image's own directory is one of them. */
  static Path base(Member member, String computationId) {
    Path directory = Path.of(member.options().checkpointDir());
    boolean isOneOfThem = member.options().perGeneration() && directory.getParent() != null
        && number(directory, computationId) > 0;
    return isOneOfThem ? directory.getParent() : directory;
  }

  /**
   * The last committed one that is beside the members' images: a restart may be from an older one,
   * and numbers are never used again. 0: there is none.
   */
  static long last(Collection<Member> members, String computationId) {
    long last = 0;
    for (Path base : members.stream().filter(m -> m.options().perGeneration())
        .map(m -> base(m, computationId)).distinct().toList()) {
      try {
        for (Path directory : committed(base, computationId)) {
          last = Math.max(last, number(directory, computationId));
        }
      } catch (IOException e) {
        log.warn("{} cannot be listed: {}", base, e.getMessage());
      }
    }
    return last;
  }

  /** Is it the directory of one generation? What is in it stays until it is pruned as a whole. */
  static boolean isOne(Path directory, String computationId) {
    return number(directory, computationId) > 0;
  }

  /** 0: it is none of this computation. */
  private static long number(Path directory, String computationId) {
    String start = "ckpt_" + computationId + "_";
    String name = String.valueOf(directory.getFileName());
    return name.startsWith(start) && name.substring(start.length()).matches("[0-9]{5,18}")
        ? Long.parseLong(name.substring(start.length())) : 0;
  }

  /**
   * Removes what is older than the last generations that the members want to keep. Only called when
   * {@code last} is committed and has its names; what fails costs nothing but room.
   */
  static void prune(Collection<Member> members, String computationId, long last) {
    Map<Path, Integer> keep = new HashMap<>();
    for (Member member : members) {
      if (member.options().perGeneration()) {
        int wish = member.options().keep() == 0 ? Integer.MAX_VALUE : member.options().keep();
        keep.merge(base(member, computationId), wish, Math::max);
      }
    }
    keep.forEach((base, count) -> {
      try {
        prune(base, count, computationId, last);
      } catch (IOException e) {
        log.warn("old checkpoints in {} could not be removed: {}", base, e.getMessage());
      }
    });
  }

  private static void prune(Path base, int keep, String computationId, long last)
      throws IOException {
    String manifest = manifest(computationId);
    if (!Files.exists(base.resolve(name(computationId, last)).resolve(manifest))) {
      return; // not the last good one any more: somebody has moved it
    }
    List<Path> committed = committed(base, computationId).stream()
        .filter(p -> number(p, computationId) <= last)
        .sorted(Comparator.comparingLong((Path p) -> number(p, computationId)).reversed())
        .toList();
    for (Path directory : committed.subList(Math.min(keep, committed.size()), committed.size())) {
      remove(directory, directory.resolve(manifest));
    }
  }

  private static String manifest(String computationId) {
    return "dmtcp_manifest_" + computationId + ".json";
  }

  private static List<Path> committed(Path base, String computationId) throws IOException {
    List<Path> committed = new ArrayList<>();
    try (DirectoryStream<Path> all =
        Files.newDirectoryStream(base, "ckpt_" + computationId + "_[0-9]*")) {
      for (Path directory : all) {
        if (number(directory, computationId) > 0
            && Files.exists(directory.resolve(manifest(computationId)))) {
          committed.add(directory);
        }
      }
    }
    return committed;
  }

  /** The manifest goes last: without it nobody would come back for the rest. */
  private static void remove(Path directory, Path manifest) throws IOException {
    try (Stream<Path> all = Files.walk(directory)) {
      for (Path file : all.sorted(Comparator.reverseOrder()).toList()) {
        if (!file.equals(manifest) && !file.equals(directory)) {
          Files.delete(file);
        }
      }
    }
    Files.deleteIfExists(manifest);
    Files.deleteIfExists(directory);
  }
}
