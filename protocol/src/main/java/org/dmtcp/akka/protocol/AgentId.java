package org.dmtcp.akka.protocol;

/**
 * Identity of one process. The kernel recycles pids, so the start time is part of it.
 *
 * @param host node name as the cluster knows it, not empty
 * @param realPid pid in the pid namespace of the host's agent, &gt; 0; never the virtual pid
 * @param startTicks start time in clock ticks since boot: field 22 of
 *     {@code /proc/[pid]/stat}, see proc(5)
 */
public record AgentId(String host, int realPid, long startTicks) {
  public AgentId {
    Checks.notEmpty(host, "host");
    Checks.atLeast(1, realPid, "realPid");
    Checks.atLeast(0, startTicks, "startTicks");
  }

  // By hand: what the compiler leaves to invokedynamic is not in the archive of classes.
  @Override
  public boolean equals(Object other) {
    return other instanceof AgentId a && a.realPid == realPid && a.startTicks == startTicks
        && a.host.equals(host);
  }

  @Override
  public int hashCode() {
    return 31 * (31 * realPid + Long.hashCode(startTicks)) + host.hashCode();
  }

  @Override
  public String toString() {
    return realPid + "@" + host;
  }
}
