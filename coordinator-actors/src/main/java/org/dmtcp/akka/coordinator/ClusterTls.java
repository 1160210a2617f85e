package org.dmtcp.akka.coordinator;

import akka.actor.ActorSystem;
import akka.remote.artery.tcp.ConfigSSLEngineProvider;
import java.time.Duration;
import java.util.function.Consumer;
import javax.net.ssl.SSLEngine;
import org.dmtcp.akka.config.Seldom;
import org.dmtcp.akka.config.WatchedEngine;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Akka's own TLS between our JVMs, which also tells of connections that it refuses. */
public final class ClusterTls extends ConfigSSLEngineProvider {
  private static final Logger log = LoggerFactory.getLogger(ClusterTls.class);

  private final Consumer<String> refused;

  /** Called by Akka, by the name in {@code dmtcp.conf}. */
  public ClusterTls(ActorSystem system) {
    super(system);
    Duration pause = system.settings().config().getDuration("dmtcp.cluster.refusals-pause");
    refused = new Seldom(reason -> log.warn("refused a connection: {}", reason), pause);
  }

  @Override
  public SSLEngine createServerSSLEngine(String hostname, int port) {
    return new WatchedEngine(super.createServerSSLEngine(hostname, port), refused);
  }
}
