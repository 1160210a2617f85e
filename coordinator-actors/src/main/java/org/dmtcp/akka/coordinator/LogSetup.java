package org.dmtcp.akka.coordinator;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.encoder.PatternLayoutEncoder;
import ch.qos.logback.classic.spi.Configurator;
import ch.qos.logback.classic.spi.ConfiguratorRank;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.turbo.TurboFilter;
import ch.qos.logback.core.ConsoleAppender;
import ch.qos.logback.core.FileAppender;
import ch.qos.logback.core.OutputStreamAppender;
import ch.qos.logback.core.spi.ContextAwareBase;
import ch.qos.logback.core.spi.FilterReply;
import java.time.Duration;
import java.util.Locale;
import java.util.Set;
import org.dmtcp.akka.config.Seldom;
import org.slf4j.Marker;

/**
 * The log of our JVMs, found by logback as a service: standard error, or {@code DMTCP_LOG_FILE}. In
 * code, because logback's own XML costs 0.2 s at every start.
 */
@ConfiguratorRank(ConfiguratorRank.CUSTOM_HIGH_PRIORITY)
public final class LogSetup extends ContextAwareBase implements Configurator {
  private static final Duration PAUSE = Duration.ofMinutes(1); // dmtcp.cluster.refusals-pause

  @Override
  public ExecutionStatus configure(LoggerContext context) {
    PatternLayoutEncoder encoder = new PatternLayoutEncoder();
    encoder.setContext(context);
    encoder.setPattern("%d{yyyy-MM-dd HH:mm:ss.SSS} %level %logger{20}: %msg%n");
    encoder.start();
    OutputStreamAppender<ILoggingEvent> appender = appender();
    appender.setContext(context);
    appender.setEncoder(encoder);
    appender.start();
    context.getLogger("ROOT").addAppender(appender);
    context.getLogger("ROOT").setLevel(Level.WARN);
    context.getLogger("org.dmtcp").setLevel(level(variable("DMTCP_LOG_LEVEL")));
    overrides(context, variable("DMTCP_LOG_OVERRIDES"));
    context.addTurboFilter(new Undecodable(context.getLogger(LogSetup.class)));
    return ExecutionStatus.DO_NOT_INVOKE_NEXT_IF_ANY;
  }

  /** Akka tells of every message that it cannot decode, and at length: one a minute will do. */
  private static final class Undecodable extends TurboFilter {
    private static final Set<String> SPEAKERS = Set.of(
        "akka.remote.artery.Deserializer", "akka.serialization.DisabledJavaSerializer");

    private final Seldom dropped;

    Undecodable(Logger log) {
      dropped = new Seldom(
          reason -> log.warn("dropped a message that cannot be read: {}", reason), PAUSE);
    }

    @Override
    public FilterReply decide(Marker marker, Logger logger, Level level, String format,
        Object[] parameters, Throwable cause) {
      if (format == null || !SPEAKERS.contains(logger.getName())) { // null: would it be told?
        return FilterReply.NEUTRAL;
      }
      dropped.accept(cause == null || cause.getMessage() == null
          ? format : cause.getMessage().lines().findFirst().orElse(format));
      return FilterReply.DENY;
    }
  }

  private static OutputStreamAppender<ILoggingEvent> appender() {
    String file = variable("DMTCP_LOG_FILE");
    if (!file.isEmpty()) {
      FileAppender<ILoggingEvent> appender = new FileAppender<>();
      appender.setFile(file);
      return appender;
    }
    ConsoleAppender<ILoggingEvent> appender = new ConsoleAppender<>();
    appender.setTarget("System.err");
    return appender;
  }

  private static String variable(String name) {
    return System.getenv().getOrDefault(name, "");
  }

  /** {@code coordinator=trace;agent=error}; names of parts that we do not have change nothing. */
  private static void overrides(LoggerContext context, String list) {
    for (String entry : list.split(";")) {
      String[] pair = entry.split("=", 2);
      if (pair.length == 2 && pair[0].strip().matches("[a-z]+")) {
        context.getLogger("org.dmtcp.akka." + pair[0].strip()).setLevel(level(pair[1].strip()));
      }
    }
  }

  /** DMTCP's words and numbers. What a person should see comes by {@link Notes}, not by the log. */
  private static Level level(String chosen) {
    return switch (chosen.toLowerCase(Locale.ROOT)) {
      case "error", "0" -> Level.ERROR;
      case "note", "2" -> Level.INFO;
      case "trace", "3" -> Level.TRACE;
      default -> Level.WARN;
    };
  }

  /** How quiet to be with a person: {@code DMTCP_LOG_LEVEL} is stronger than the option. */
  static int quiet(int option) {
    return switch (variable("DMTCP_LOG_LEVEL").toLowerCase(Locale.ROOT)) {
      case "error", "0" -> 2;
      case "warn", "warning", "1" -> 1;
      case "note", "2", "trace", "3" -> 0;
      default -> option;
    };
  }
}
