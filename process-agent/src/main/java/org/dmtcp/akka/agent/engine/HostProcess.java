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

  // By hand: what the compiler leaves to invokedynamic is not in the archive of classes.
  @Override
  public boolean equals(Object other) {
    return other instanceof HostProcess p && p.realPid == realPid && p.startTicks == startTicks;
  }

  @Override
  public int hashCode() {
    return 31 * realPid + Long.hashCode(startTicks);
  }
}
