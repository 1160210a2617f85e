package org.dmtcp.akka.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Who may know whom: the table of ARCHITECTURE.md, held against every import of every module. */
class ArchitectureTest {
  private static final Pattern IMPORT =
      Pattern.compile("^import (?:static )?([\\w.]+);", Pattern.MULTILINE);

  /** Beside {@code java} and the module's own package: prefixes of what a module may import. */
  private static final Map<String, Set<String>> ARROWS =
      Map.of(
          "config", Set.of("com.typesafe.config.", "javax."),
          "protocol", Set.of("akka.actor.", "akka.serialization.", "com.esotericsoftware.kryo.",
              "com.typesafe.config."),
          "process-agent", Set.of("org.dmtcp.akka.protocol.", "org.dmtcp.akka.config.", "akka.",
              "com.typesafe.config.", "com.sun.jna.", "com.fasterxml.jackson.", "org.slf4j.",
              "javax.net.ssl.",
              "jdk.net."),
          "coordinator-actors", Set.of("org.dmtcp.akka.protocol.", "org.dmtcp.akka.config.",
              "akka.", "com.typesafe.config.", "com.fasterxml.jackson.", "org.slf4j.",
              "ch.qos.logback.", "com.sun.net.httpserver.", "javax.net.ssl."));

  private static final Map<String, String> PACKAGES =
      Map.of("config", "config", "protocol", "protocol", "process-agent", "agent",
          "coordinator-actors", "coordinator");

  @Test
  void noModuleKnowsMoreThanItMay() throws IOException {
    List<String> strays = new ArrayList<>();
    for (String module : ARROWS.keySet()) {
      Path sources = Path.of("..", module, "src/main/java");
      try (Stream<Path> files = Files.walk(sources)) {
        List<Path> all = files.filter(f -> f.toString().endsWith(".java")).toList();
        assertFalse(all.isEmpty(), sources.toString());
        for (Path file : all) {
          strays(module, file, strays);
        }
      }
    }
    assertEquals(List.of(), strays);
  }

  private static void strays(String module, Path file, List<String> strays) throws IOException {
    Matcher matcher = IMPORT.matcher(Files.readString(file));
    while (matcher.find()) {
      String name = matcher.group(1);
      boolean isFine =
          name.startsWith("java.")
              || name.startsWith("org.dmtcp.akka." + PACKAGES.get(module) + ".")
              || ARROWS.get(module).stream().anyMatch(name::startsWith);
      if (!isFine) {
        strays.add(file.getFileName() + " of " + module + " imports " + name);
      }
    }
  }
}
