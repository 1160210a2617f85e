package org.dmtcp.akka.it;

import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A program in namespaces of its own. */
final class Unshare {
  private Unshare() {}

  /** @param log file of its output */
  static Process start(Path log, List<String> namespaces, String... words) throws IOException {
    List<String> line = new ArrayList<>(List.of("unshare"));
    line.addAll(namespaces);
    line.addAll(List.of(words));
    return new ProcessBuilder(line)
        .redirectInput(new File("/dev/null"))
        .redirectOutput(log.toFile())
        .redirectErrorStream(true)
        .start();
  }
}
