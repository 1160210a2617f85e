package org.dmtcp.akka.protocol;

/**
 * One image of a generation, as the manifest lists it.
 *
 * @param host node that wrote it
 * @param path absolute path it has after the commit, {@code <dir>/ckpt_<program>_<upid>.dmtcp}
 * @param virtualParent the parent's virtual pid; 0 when it is not a member
 * @param terminal the process had the controlling terminal on its standard input
 * @param bytes size of the file
 * @param rawBytes content before compression
 * @param digest XXH3-128 of header, metadata and index, in hex
 */
public record ImageInfo(
    String host,
    String path,
    String uniquePid,
    int virtualPid,
    int virtualParent,
    String program,
    boolean terminal,
    long bytes,
    long rawBytes,
    String digest) {
  public ImageInfo {
    Checks.notEmpty(host, "host");
    Checks.notEmpty(uniquePid, "uniquePid");
    if (!path.startsWith("/")) {
      throw new IllegalArgumentException("path of an image is not absolute: " + path);
    }
    Checks.atLeast(1, virtualPid, "virtualPid");
    Checks.atLeast(0, virtualParent, "virtualParent");
    Checks.atLeast(0, bytes, "bytes");
    Checks.atLeast(0, rawBytes, "rawBytes");
  }
}
