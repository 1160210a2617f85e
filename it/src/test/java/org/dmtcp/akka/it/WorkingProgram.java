package org.dmtcp.akka.it;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A file in {@code it/programs} that starts with {@code program:}, and what else its first comment
 * says ({@code it/programs/README.md}).
 */
record WorkingProgram(Path file, Map<String, String> keys) {
  /** Comments of all languages: a mark that is no letter, key, value. */
  private static final Pattern KEY = Pattern.compile("[^a-z]{0,3}([a-z]+): +(.*)");

  private static final String DIRECTORY = "it/programs";

  static List<WorkingProgram> all() throws IOException {
    List<WorkingProgram> programs = new ArrayList<>();
    try (Stream<Path> files = Files.list(Tree.SOURCE.resolve(DIRECTORY))) {
      files.sorted().map(WorkingProgram::read).forEach(programs::add);
    }
    programs.removeIf(program -> !program.keys().containsKey("program"));
    return programs;
  }

  private static WorkingProgram read(Path file) {
    Map<String, String> keys = new HashMap<>();
    try (Stream<String> lines = Files.lines(file)) {
      lines
          .limit(10)
          .map(KEY::matcher)
          .filter(Matcher::matches)
          .forEach(m -> keys.putIfAbsent(m.group(1), m.group(2).strip()));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return new WorkingProgram(file, Map.copyOf(keys));
  }

  String name() {
    return file.getFileName().toString();
  }

  String row(String variant) {
    return keys.get("program").replace("VARIANT", variant);
  }

  String remark() {
    return keys.getOrDefault("remark", "");
  }

  /** One that is empty when there are none. */
  List<String> variants() {
    return List.of(keys.getOrDefault("variants", "").split("; *"));
  }

  boolean runsAs(String account) {
    return keys.getOrDefault("account", account).equals(account);
  }

  /** Its files would be newer than an image that was made while it ran on. */
  boolean writes() {
    return keys.getOrDefault("writes", "no").equals("yes");
  }

  /** Words of the command. */
  List<String> command(String variant) {
    String line = keys.getOrDefault("run", "sh " + name()).replace("VARIANT", variant);
    return line.startsWith("sh -c ")
        ? List.of("sh", "-c", line.substring("sh -c ".length()))
        : List.of(line.split(" +"));
  }

  /** Commands without which it is skipped; {@code python3:x} is a module. */
  List<String> needs(String variant) {
    String needs = keys.getOrDefault("needs", "") + " " + command(variant).get(0);
    return Stream.of(needs.replace("VARIANT", variant).strip().split(" +")).distinct().toList();
  }

  /** Puts it, and what it sources, where it runs. */
  void copy(Path directory, Account account) throws IOException {
    for (Path source : List.of(file, file.resolveSibling("frame.sh"))) {
      Path target = directory.resolve(source.getFileName());
      Files.copy(source, target);
      Directories.give(target, account);
    }
  }
}
