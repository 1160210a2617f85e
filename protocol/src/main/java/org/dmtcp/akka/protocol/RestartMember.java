package org.dmtcp.akka.protocol;

/**
 * One process of a generation that is being restarted.
 *
 * @param host where its image was written, or is being restarted, as far as known; may be empty
 */
public record RestartMember(String uniquePid, int virtualPid, String program, String host) {
  public RestartMember {
    Checks.notEmpty(uniquePid, "uniquePid");
    Checks.atLeast(1, virtualPid, "virtualPid");
  }

  @Override
  public String toString() {
    return uniquePid + " (" + program + "@" + (host.isEmpty() ? "?" : host) + ")";
  }
}
