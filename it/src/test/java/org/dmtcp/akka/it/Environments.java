package org.dmtcp.akka.it;

import java.util.Map;

/** The environment of what the tests start: nothing of the caller's own settings for us. */
final class Environments {
  private Environments() {}

  static void apply(Map<String, String> environment, Map<String, String> own) {
    environment.keySet().removeIf(name -> name.startsWith("DMTCP_") || name.equals("TMPDIR"));
    environment.putAll(own);
  }
}
