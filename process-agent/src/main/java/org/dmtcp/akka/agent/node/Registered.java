package org.dmtcp.akka.agent.node;

import java.io.IOException;
import java.nio.file.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What the registry file tells while no agent serves. */
public final class Registered {
  private static final Logger log = LoggerFactory.getLogger(Registered.class);

  private Registered() {}

  /**
   * Whether a process of the agent that served {@code socket} last still runs.
   *
   * @param socket of the agent, as the registry file is named after it
   */
  public static boolean anyLives(Path socket) {
    ProcFs proc = new ProcFs(Path.of("/proc"));
    try {
      return new RegistryFile(socket).load()
          .map(content -> content.membership().processes().stream().anyMatch(proc::lives))
          .orElse(false);
    } catch (IOException e) {
      log.warn("registry: {}", e.getMessage());
      return false;
    }
  }
}
