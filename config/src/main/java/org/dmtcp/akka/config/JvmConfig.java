package org.dmtcp.akka.config;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigParseOptions;
import com.typesafe.config.ConfigResolveOptions;
import java.util.HashMap;
import java.util.Map;
import org.dmtcp.akka.config.Options.Given;

/** The configuration of a JVM of ours: what was given, over {@code dmtcp.conf}, over defaults. */
public final class JvmConfig {
  private JvmConfig() {}

  /**
   * @param overrides by path, stronger than everything else
   */
  public static Config load(Map<String, Object> overrides) {
    return ConfigFactory.parseMap(overrides, "command line")
        .withFallback(ConfigFactory.systemProperties().withOnlyPath("dmtcp"))
        .withFallback(
            ConfigFactory.parseResources(
                JvmConfig.class.getClassLoader(),
                "dmtcp.conf",
                ConfigParseOptions.defaults().setAllowMissing(false)))
        .withFallback(ConfigFactory.defaultReferenceUnresolved())
        .resolve(ConfigResolveOptions.defaults());
  }

  /** The options of the coordinator as keys under {@code dmtcp.coordinator}. */
  public static Map<String, Object> coordinator(Given given) {
    Map<String, Object> keys = new HashMap<>();
    given
        .values()
        .forEach(
            (name, value) -> {
              boolean isTime =
                  name.equals("interval") || name.equals("timeout") || name.equals("stale-timeout");
              boolean isFlag =
                  name.equals("exit-on-last")
                      || name.equals("kill-after-ckpt")
                      || name.equals("daemon")
                      || name.equals("write-kv-data");
              String key = "dmtcp.coordinator." + name;
              if (!name.equals("stale-timeout") || !value.equals("0")) { // 0 means the default
                keys.put(key, isTime ? time(value) : isFlag ? Boolean.TRUE : value);
              }
            });
    return keys;
  }

  /** Seconds; what is negative, as DMTCP's -1, means never, which is our zero. */
  private static String time(String seconds) {
    return seconds.startsWith("-") ? "0 s" : seconds + " s";
  }
}
