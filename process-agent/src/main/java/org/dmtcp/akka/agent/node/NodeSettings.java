package org.dmtcp.akka.agent.node;

import com.typesafe.config.Config;
import java.nio.file.Path;
import java.time.Duration;
import org.dmtcp.akka.agent.engine.EngineDriver;
import org.dmtcp.akka.agent.local.LocalLimits;

/**
 * {@code dmtcp.agent} of the configuration, where every value is explained.
 *
 * @param tree the folder that holds {@code bin/} and {@code lib/}
 * @param nativeLimit of an engine request that belongs to no phase
 * @param barrierLimit a round may stand between two phases
 * @param killLimit until all members have ended
 * @param scanAge how old a list of members may be when somebody asks for it
 * @param joinRetry until the coordinator is told again that we are here
 * @param requestLimit of a local request that is quick
 * @param roundRequestLimit of a local request that may have to wait for a round
 * @param hookLimit of one hook of the plugins of a process
 * @param lastAnswerLimit at the end, for answers that are on their way
 * @param idleLimit without anything to do, until the agent ends; zero: never
 */
record NodeSettings(
    Path tree,
    EngineDriver.Settings engine,
    LocalLimits local,
    Duration nativeLimit,
    Duration barrierLimit,
    Duration killLimit,
    Duration scanAge,
    Duration joinRetry,
    Duration requestLimit,
    Duration roundRequestLimit,
    Duration lastAnswerLimit,
    Duration idleLimit,
    Duration hookLimit) {

  static NodeSettings of(Config config) {
    Config agent = config.getConfig("dmtcp.agent");
    Config local = agent.getConfig("local");
    return new NodeSettings(
        Path.of(config.getString("dmtcp.tree")).toAbsolutePath(),
        new EngineDriver.Settings(
            agent.getDuration("engine.min-backoff"), agent.getDuration("engine.max-backoff")),
        new LocalLimits(
            Math.toIntExact(local.getBytes("line")),
            Math.toIntExact(local.getBytes("restart-line")),
            local.getBytes("total-input"),
            local.getInt("connections"),
            local.getDuration("line-limit")),
        agent.getDuration("native-limit"),
        agent.getDuration("barrier-limit"),
        agent.getDuration("kill-limit"),
        agent.getDuration("scan-age"),
        agent.getDuration("join-retry"),
        local.getDuration("request-limit"),
        local.getDuration("round-request-limit"),
        local.getDuration("last-answer-limit"),
        agent.getDuration("idle-limit"),
        agent.getDuration("hook-limit"));
  }

  Path engineProgram() {
    return tree.resolve("bin/dmtcp_engine");
  }

  Path engineLibrary() {
    return tree.resolve("lib/dmtcp/libdmtcp_engine.so");
  }
}
