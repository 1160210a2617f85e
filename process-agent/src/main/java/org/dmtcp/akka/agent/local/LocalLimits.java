package org.dmtcp.akka.agent.local;

import java.time.Duration;

/**
 * What one client of the local socket may take.
 *
 * @param lineBytes longest ordinary request, newline included
 * @param restartLineBytes longest {@code restart-begin} or {@code restart-ready}, which name every
 *     process of a host
 * @param totalInputBytes of all clients together, not yet understood
 * @param connections open at once; beyond that the one that has been silent longest is closed
 * @param lineLimit from the first byte of a request to its newline
 */
public record LocalLimits(
    int lineBytes,
    int restartLineBytes,
    long totalInputBytes,
    int connections,
    Duration lineLimit) {
  public LocalLimits {
    if (lineBytes < 1024 || restartLineBytes < lineBytes || totalInputBytes < restartLineBytes
        || connections < 1 || lineLimit.isNegative() || lineLimit.isZero()) {
      throw new IllegalArgumentException("limits of the local socket: " + lineBytes + ", "
          + restartLineBytes + ", " + totalInputBytes + ", " + connections + ", " + lineLimit);
    }
  }
}
