package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The examples of {@code plugin/}, built once for all tests, where every user can read them. */
final class Examples {
  private static Path directory;

  private Examples() {}

  static synchronized void build() throws IOException {
    if (directory != null) {
      return;
    }
    Path out = Files.createTempDirectory(Tree.WORK, "plugins");
    Outcome made = Command.run(Session.LIMIT, "make", "-s",
        "-C", Tree.SOURCE.resolve("plugin").toString(), "OUT=" + out);
    assertEquals(0, made.status(), made.text());
    for (String language : List.of("python", "java")) {
      Command.run(Session.LIMIT, "cp", "-r",
          Tree.SOURCE.resolve("plugin").resolve(language).toString(), out.toString());
    }
    Command.run(Session.LIMIT, "chmod", "-R", "a+rX", out.toString());
    directory = out;
  }

  static String path(String name) {
    return directory.resolve(name).toString();
  }

  /** The options of {@code dmtcp_launch} for these plugins. */
  static List<String> plugins(String... names) {
    return List.of("--with-plugin", list(names));
  }

  static String list(String... names) {
    return Stream.of(names).map(n -> path(n + ".so")).collect(Collectors.joining(":"));
  }
}
