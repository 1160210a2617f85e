package org.dmtcp.akka.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What is generated from the tables says what the tables say. */
class PagesTest {
  private static final Path TREE = Path.of("..").toAbsolutePath().normalize();
  private static final Path TABLES = TREE.resolve("config/src/main/resources");

  @TempDir static Path fresh;

  @BeforeAll
  static void generate() throws Exception {
    for (String folder :
        List.of(
            "docs",
            "man",
            "share/bash-completion/completions",
            "share/zsh/site-functions",
            "share/fish/vendor_completions.d")) {
      Files.createDirectories(fresh.resolve(folder));
    }
    List<String> words = new ArrayList<>(List.of("awk", "-f"));
    words.add(TREE.resolve("config/src/main/scripts/pages.awk").toString());
    words.addAll(List.of("-v", "tree=" + fresh));
    for (String table : List.of("commands", "verbs", "options", "exit_codes", "errors")) {
      words.add(TABLES.resolve(table + ".tsv").toString());
    }
    Process awk = new ProcessBuilder(words).inheritIO().start();
    assertTrue(awk.waitFor(60, TimeUnit.SECONDS));
    assertEquals(0, awk.exitValue());
  }

  static Stream<Path> pages() throws IOException {
    try (Stream<Path> all = Files.walk(fresh)) {
      return all.filter(Files::isRegularFile).map(fresh::relativize).toList().stream();
    }
  }

  @ParameterizedTest
  @MethodSource("pages")
  void isCurrent(Path page) throws IOException {
    assertEquals(
        Files.readString(fresh.resolve(page)),
        Files.readString(TREE.resolve(page)),
        page + " is older than the tables: make -C native-engine, and commit it");
  }

  @Test
  void everyCommandHasItsPage() throws IOException {
    try (Stream<String> lines = Files.lines(TABLES.resolve("commands.tsv"))) {
      for (String line : lines.filter(l -> !l.startsWith("#")).toList()) {
        String name = "dmtcp_" + line.split("\t")[0];
        assertTrue(Files.exists(fresh.resolve("man/" + name + ".1")), name);
        assertTrue(Files.readString(fresh.resolve("docs/commands.md")).contains("## " + name));
      }
    }
  }

  @Test
  void everyOptionIsOnThePages() throws IOException {
    String commands = Files.readString(fresh.resolve("docs/commands.md"));
    String bash = Files.readString(fresh.resolve("share/bash-completion/completions/dmtcp"));
    String zsh = Files.readString(fresh.resolve("share/zsh/site-functions/_dmtcp"));
    for (String command : List.of("launch", "restart", "command", "coordinator")) {
      String manual = Files.readString(fresh.resolve("man/dmtcp_" + command + ".1"));
      String fish =
          Files.readString(
              fresh.resolve("share/fish/vendor_completions.d/dmtcp_" + command + ".fish"));
      for (Options.Option option : Options.of(command)) {
        for (String name : option.names()) {
          assertTrue(commands.contains("--" + name), name);
          assertTrue(bash.contains("--" + name), name);
          assertTrue(zsh.contains("--" + name + "["), name);
          assertTrue(fish.contains("-l " + name + " "), name);
          assertTrue(manual.contains("\\-\\-" + name.replace("-", "\\-")), name);
        }
      }
    }
  }

  @Test
  void exitCodesOfTheTableAndOfJavaAreTheSame() throws IOException {
    try (Stream<String> lines = Files.lines(TABLES.resolve("exit_codes.tsv"))) {
      List<Integer> table =
          lines.map(l -> l.split("\t")).filter(f -> f[1].matches("\\d+"))
              .map(f -> Integer.parseInt(f[1])).toList();
      assertEquals(
          table, Arrays.stream(ExitCode.values()).map(c -> c.defaultNumber()).toList());
    }
  }

  @Test
  void everyTableIsWhole() throws IOException {
    for (String table : List.of("commands=3", "verbs=5", "options=6", "exit_codes=4", "errors=3")) {
      String[] pair = table.split("=");
      try (Stream<String> lines = Files.lines(TABLES.resolve(pair[0] + ".tsv"))) {
        lines.filter(l -> !l.startsWith("#")).forEach(
            l -> {
              assertEquals(Integer.parseInt(pair[1]), l.split("\t").length, l);
              assertFalse(l.contains("\\") && !pair[0].equals("errors"), l);
            });
      }
    }
  }
}
