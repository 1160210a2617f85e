package org.dmtcp.akka.it;

import java.io.IOException;
import java.io.InputStream;
import java.lang.ProcessBuilder.Redirect;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** A process that outlives this JVM for a moment and ends what names the directory of the run. */
final class Janitor {
  private Janitor() {}

  /** Its input ends with this JVM: nobody else has the other end. */
  static void watch(Path directory) throws IOException {
    try (InputStream script = Janitor.class.getResourceAsStream("/janitor.sh")) {
      new ProcessBuilder("sh", "-c",
              new String(script.readAllBytes(), StandardCharsets.UTF_8), "janitor",
              directory.toString())
          .redirectOutput(Redirect.DISCARD)
          .redirectError(Redirect.DISCARD)
          .start();
    }
  }
}
