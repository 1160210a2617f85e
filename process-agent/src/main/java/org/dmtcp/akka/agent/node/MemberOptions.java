package org.dmtcp.akka.agent.node;

import java.util.Set;

/**
 * How a process wants to be checkpointed: what its launch or restart said. Children inherit it.
 *
 * @param checkpointDir absolute
 * @param codec {@code zstd}, {@code gzip}, {@code lz4} or {@code none}
 * @param openFiles open files are saved too
 * @param allowOverwrite saved files may replace existing ones at restart
 * @param signal for use inside the process, 0 for the default
 * @param uniqueNames every generation gets a directory of its own
 */
public record MemberOptions(
    String checkpointDir,
    String codec,
    boolean openFiles,
    boolean allowOverwrite,
    int signal,
    boolean uniqueNames) {
  private static final Set<String> CODECS = Set.of("zstd", "gzip", "lz4", "none");

  public MemberOptions {
    if (!checkpointDir.startsWith("/") || checkpointDir.indexOf('\0') >= 0) {
      throw new IllegalArgumentException(
          "the checkpoint directory is not absolute: " + checkpointDir);
    }
    if (!CODECS.contains(codec)) {
      throw new IllegalArgumentException("unknown codec " + codec + ", not one of " + CODECS);
    }
  }
}
