package org.dmtcp.akka.protocol;

/**
 * A committed checkpoint that can be restarted.
 *
 * @param created ISO 8601, UTC
 * @param bytes of all its images
 * @param script that restarts it, empty if there is none
 * @param complete all images that should be on the coordinator's host are there
 */
public record GenerationInfo(
    String computationId,
    long generation,
    String created,
    int processes,
    long bytes,
    String script,
    boolean complete) {
  public GenerationInfo {
    Checks.notEmpty(computationId, "computationId");
    Checks.atLeast(1, generation, "generation");
    Checks.atLeast(0, processes, "processes");
    Checks.atLeast(0, bytes, "bytes");
  }
}
