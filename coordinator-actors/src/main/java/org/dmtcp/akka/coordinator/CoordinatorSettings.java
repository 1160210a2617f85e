package org.dmtcp.akka.coordinator;

import com.typesafe.config.Config;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/**
 * What the coordinator is told at its start.
 *
 * @param host name of this host
 * @param address its IP address, for display
 * @param port the control port, known by now
 * @param interval zero: no automatic checkpoints
 * @param timeout zero: none
 * @param staleTimeout zero: none
 * @param limits of a round
 * @param restartLimit from the first member to the last
 * @param restartTellEvery how often those who wait are told for whom
 * @param endNoticed how long the end of a program may be news to us
 * @param closeLimit for the nodes to end their processes
 * @param plugins what processes with plugins do together
 * @param lookLimit for the nodes to see who is there, before somebody is told
 * @param nodeRestartDelay before a node agent of this JVM that failed is started again
 */
public record CoordinatorSettings(
    String host,
    String address,
    int port,
    Duration interval,
    Path checkpointDir,
    boolean exitOnLast,
    boolean killAfterCheckpoint,
    boolean copyOnWrite,
    Duration timeout,
    Duration staleTimeout,
    RoundLimits limits,
    Duration restartLimit,
    Duration restartTellEvery,
    Duration endNoticed,
    Duration closeLimit,
    Duration lookLimit,
    Duration nodeRestartDelay,
    PluginService.Settings plugins) {

  /** From {@code dmtcp}, whose options are merged in; host, address and port are found out. */
  public static CoordinatorSettings of(Config dmtcp, String host, String address, int port) {
    Config own = dmtcp.getConfig("coordinator");
    return new CoordinatorSettings(
        host,
        address,
        port,
        own.getDuration("interval"),
        Path.of(own.getString("ckptdir")).toAbsolutePath().normalize(),
        own.getBoolean("exit-on-last"),
        own.getBoolean("kill-after-ckpt"),
        dmtcp.getBoolean("round.copy-on-write"),
        own.getDuration("timeout"),
        own.getDuration("stale-timeout"),
        RoundLimits.of(dmtcp.getConfig("round")),
        dmtcp.getDuration("restart.limit"),
        dmtcp.getDuration("restart.tell-every"),
        dmtcp.getDuration("restart.end-noticed"),
        own.getDuration("close-limit"),
        own.getDuration("look-limit"),
        own.getDuration("node-restart-delay"),
        new PluginService.Settings(
            dmtcp.getDuration("plugins.barrier-limit"),
            dmtcp.getBytes("plugins.store"),
            dmtcp.getBytes("plugins.value"),
            own.getBoolean("write-kv-data") ? Optional.of(Path.of("").toAbsolutePath())
                : Optional.empty()));
  }
}
