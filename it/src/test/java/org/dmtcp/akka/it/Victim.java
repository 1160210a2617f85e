package org.dmtcp.akka.it;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * A file in {@code it/victims}, with what its first comment says ({@code it/victims/README.md}).
 *
 * @param name without {@code .c}
 */
record Victim(String name, Map<String, String> keys) {
  static final List<String> SCENARIOS = List.of("restart", "continue", "cycles");

  static List<Victim> all() throws IOException {
    List<Victim> victims = new ArrayList<>();
    try (Stream<Path> files = Files.list(Tree.SOURCE.resolve("it/victims"))) {
      files
          .filter(file -> file.getFileName().toString().endsWith(".c"))
          .sorted()
          .forEach(file -> victims.add(read(file)));
    }
    return victims;
  }

  private static Victim read(Path file) {
    String name = file.getFileName().toString().replaceFirst("\\.c$", "");
    Map<String, String> keys = new HashMap<>();
    try (Stream<String> lines = Files.lines(file)) {
      lines
          .takeWhile(line -> !line.contains("*/"))
          .filter(line -> line.matches(" \\* [a-z]+: .*"))
          .map(line -> line.substring(3).split(": *", 2))
          .forEach(pair -> keys.putIfAbsent(pair[0], pair[1].strip()));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return new Victim(name, Map.copyOf(keys));
  }

  String row() {
    return keys.getOrDefault("victim", name);
  }

  String category() {
    return keys.getOrDefault("category", "process");
  }

  List<String> variants() {
    return words("variants", "dynamic");
  }

  List<String> scenarios() {
    return words("scenarios", refused().isEmpty() ? String.join(" ", SCENARIOS) : "refused");
  }

  /** A pattern: what is said when a checkpoint of it is asked for, which cannot be. */
  Optional<String> refused() {
    return Optional.ofNullable(keys.get("refused"));
  }

  List<String> arguments() {
    return words("arguments", "");
  }

  /** It is a program on each of so many hosts; empty for one that is by itself. */
  List<String> roles() {
    return words("roles", "");
  }

  boolean needs(String what) {
    return words("needs", "").contains(what);
  }

  /** Path of the program. */
  String program(String variant) throws IOException {
    return Tree.victim(variant.equals("dynamic") ? name : name + "-" + variant);
  }

  private List<String> words(String key, String otherwise) {
    return Stream.of(keys.getOrDefault(key, otherwise).split(" +"))
        .filter(word -> !word.isEmpty())
        .toList();
  }
}
