package org.dmtcp.akka.agent.engine;

/**
 * A process of this host. The kernel uses pids again, so the start time is part of it.
 *
 * @param realPid pid as this JVM and its engine see it, &gt; 0
 * @param startTicks start in clock ticks since boot: field 22 of {@code /proc/[pid]/stat}, proc(5)
 */
public record HostProcess(int realPid, long startTicks) {
  public HostProcess {
    if (realPid <= 0 || startTicks < 0) {
      throw new IllegalArgumentException("process " + realPid + ", started " + startTicks);
    }
  }
}
