package org.dmtcp.akka.it;

import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.stream.Stream;

/** A row of {@code options.tsv}. */
record OptionRow(
    List<String> commands, List<String> names, String letter, String argument, String help) {
  static List<OptionRow> all() throws IOException {
    try (Stream<String> lines =
        Files.lines(Tree.SOURCE.resolve("config/src/main/resources/options.tsv"))) {
      return lines
          .filter(line -> !line.startsWith("#"))
          .map(line -> line.split("\t"))
          .filter(c -> !c[1].equals("-")) // a variable only
          .map(c -> new OptionRow(List.of(c[0].split(",")), List.of(c[1].split(",")), c[2], c[3], c[5]))
          .toList();
    }
  }

  /** What it would do has no meaning here, and its help says so. */
  boolean isIgnored() {
    return help.contains("no effect here");
  }

  boolean takesValue() {
    return !argument.equals("-");
  }
}
