package org.dmtcp.akka.config;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The one table of options, {@code options.tsv}, as the Java commands use it; the C commands read
 * the same file. Read by hand: a command line library costs a tenth of a second at every start.
 */
public final class Options {
  /**
   * A row of the table.
   *
   * @param names without dashes, the first is the one used everywhere else, also as the key
   * @param letter of the short form, empty for none
   * @param argument what it takes, empty for none
   * @param environment variables that set it too, the preferred one first
   */
  public record Option(
      List<String> commands,
      List<String> names,
      String letter,
      String argument,
      List<String> environment,
      String help) {

    /** The name that is its key. */
    public String name() {
      return names.get(0);
    }

    boolean takesArgument() {
      return !argument.isEmpty();
    }
  }

  /** What a command line says: values by option name; an option without argument counts. */
  public record Given(Map<String, String> values, List<String> arguments) {}

  /** A command line that cannot be understood. */
  public static final class UsageException extends Exception {
    private static final long serialVersionUID = 1L;

    public UsageException(String message) {
      super(message);
    }
  }

  private static final List<Option> ALL = read();

  private Options() {}

  /** The rows of one command: {@code launch}, {@code coordinator}, ... */
  public static List<Option> of(String command) {
    return ALL.stream().filter(option -> option.commands().contains(command)).toList();
  }

  /**
   * Reads options up to the end; other words are arguments, also what follows {@code --}. Variables
   * of {@code environment} stand in for what the command line does not say.
   */
  public static Given parse(String command, List<String> words, Map<String, String> environment)
      throws UsageException {
    List<Option> options = of(command);
    Map<String, String> values = new LinkedHashMap<>();
    for (Option option : options) {
      option.environment().stream()
          .map(name -> environment.getOrDefault(name, ""))
          .filter(value -> !value.isEmpty())
          .findFirst()
          .ifPresent(value -> values.put(option.name(), value));
    }
    Map<String, String> given = new LinkedHashMap<>();
    List<String> arguments = new ArrayList<>();
    for (int i = 0; i < words.size(); i++) {
      String word = words.get(i);
      if (word.equals("--")) {
        arguments.addAll(words.subList(i + 1, words.size()));
        break;
      }
      if (!word.startsWith("-") || word.equals("-")) {
        arguments.add(word);
        continue;
      }
      Found found = find(options, word);
      String name = found.option().name();
      if (!found.option().takesArgument()) {
        given.merge(name, "1", (a, b) -> String.valueOf(Integer.parseInt(a) + 1));
      } else if (found.value().isPresent()) {
        given.put(name, found.value().get());
      } else if (i + 1 < words.size()) {
        given.put(name, words.get(++i));
      } else {
        throw new UsageException("option " + word + " needs a value: " + found.option().argument());
      }
    }
    values.putAll(given);
    return new Given(values, arguments);
  }

  private record Found(Option option, Optional<String> value) {}

  /** {@code --name}, {@code --name=value}, {@code -n}, {@code -nvalue}. */
  private static Found find(List<Option> options, String word) throws UsageException {
    String name = word.startsWith("--") ? word.substring(2).split("=", 2)[0] : "";
    for (Option option : options) {
      if (option.names().contains(name)) {
        int equals = word.indexOf('=');
        return new Found(
            option, equals < 0 ? Optional.empty() : Optional.of(word.substring(equals + 1)));
      }
      boolean isLetter =
          name.isEmpty() && !option.letter().isEmpty() && word.startsWith("-" + option.letter());
      if (isLetter && (word.length() == 2 || option.takesArgument())) {
        return new Found(
            option, word.length() == 2 ? Optional.empty() : Optional.of(word.substring(2)));
      }
    }
    throw new UsageException("unknown option " + word);
  }

  private static List<Option> read() {
    List<Option> options = new ArrayList<>();
    try (BufferedReader in =
        new BufferedReader(
            new InputStreamReader(
                Options.class.getResourceAsStream("/options.tsv"), StandardCharsets.UTF_8))) {
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        String[] f = line.split("\t");
        boolean isOption = f.length == 6 && !f[1].equals("-"); // else a variable only
        if (!line.startsWith("#") && isOption) {
          options.add(
              new Option(list(f[0]), list(f[1]), text(f[2]), text(f[3]), list(f[4]), f[5]));
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return List.copyOf(options);
  }

  private static String text(String field) {
    return field.equals("-") ? "" : field;
  }

  private static List<String> list(String field) {
    return field.equals("-") ? List.of() : List.of(field.split(","));
  }
}
