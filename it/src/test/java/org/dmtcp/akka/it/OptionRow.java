package org.dmtcp.akka.it;

import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.stream.Stream;

/** A row of {@code options.tsv}. */
record OptionRow(List<String> commands, List<String> names, String letter, String argument) {
  static List<OptionRow> all() throws IOException {
    try (Stream<String> lines =
        Files.lines(Tree.SOURCE.resolve("config/src/main/resources/options.tsv"))) {
      return lines
          .filter(line -> !line.startsWith("#"))
          .map(line -> line.split("\t"))
          .map(c -> new OptionRow(List.of(c[0].split(",")), List.of(c[1].split(",")), c[2], c[3]))
          .toList();
    }
  }

  boolean takesValue() {
    return !argument.equals("-");
  }
}
