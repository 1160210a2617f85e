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
 * @param keep so many generations, each in a directory of its own; 0: see {@code uniqueNames}
 */
public record MemberOptions(
    String checkpointDir,
    String codec,
    boolean openFiles,
    boolean allowOverwrite,
    int signal,
    boolean uniqueNames,
    int keep) {
  /** More than anybody's disk holds; it must fit into {@link #bits}. */
  static final int MOST_KEPT = 65535;

  private static final Set<String> CODECS = Set.of("zstd", "gzip", "lz4", "none");

  public MemberOptions {
    if (!checkpointDir.startsWith("/") || checkpointDir.indexOf('\0') >= 0) {
      throw new IllegalArgumentException(
          "the checkpoint directory is not absolute: " + checkpointDir);
    }
    if (!CODECS.contains(codec)) {
      throw new IllegalArgumentException("unknown codec " + codec + ", not one of " + CODECS);
    }
    if (keep < 0 || keep > MOST_KEPT) {
      throw new IllegalArgumentException("keep is not a number from 0 to " + MOST_KEPT);
    }
  }

  /** Every generation has a directory of its own. */
  boolean perGeneration() {
    return uniqueNames || keep > 0;
  }

  /** What an image remembers of them: append only. */
  long bits() {
    return (openFiles ? 1 : 0) | (allowOverwrite ? 2 : 0) | (uniqueNames ? 4 : 0)
        | (long) signal << 8 | (long) keep << 16;
  }

  static MemberOptions ofBits(String checkpointDir, String codec, long bits) {
    return new MemberOptions(checkpointDir, codec, (bits & 1) != 0, (bits & 2) != 0,
        (int) (bits >> 8 & 0xff), (bits & 4) != 0, (int) (bits >> 16 & 0xffff));
  }
}
