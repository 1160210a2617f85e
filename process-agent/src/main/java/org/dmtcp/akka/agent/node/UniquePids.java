package org.dmtcp.akka.agent.node;

import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32;
import org.dmtcp.akka.agent.engine.HostProcess;

/**
 * Makes {@code <host id hex>-<virtual pid>-<start hex>}. The start is in milliseconds since the
 * epoch: ticks since boot would come again after a reboot. Given once, when a process is first
 * seen; from then on the registry and the images carry it.
 */
final class UniquePids {
  private static final long MILLIS_PER_TICK = 10; // USER_HZ is 100 on every Linux machine of ours

  private final String hostId;
  private final long bootMillis;

  /** @param machineId distinguishes hosts of the same name; may be empty */
  UniquePids(String hostName, String machineId, long bootMillis) {
    CRC32 hash = new CRC32();
    hash.update((hostName + '\n' + machineId).getBytes(StandardCharsets.UTF_8));
    this.hostId = Long.toHexString(hash.getValue());
    this.bootMillis = bootMillis;
  }

  String of(int virtualPid, HostProcess process) {
    return hostId + "-" + virtualPid + "-"
        + Long.toHexString(bootMillis + process.startTicks() * MILLIS_PER_TICK);
  }
}
