package bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/** The samples of all rows and subjects; prints medians and ratios, and writes JSON. */
final class Report {
  /** One measured quantity: row and unit, then the samples of each subject in order of arrival. */
  private record Row(String name, String unit, Map<String, List<Double>> samples) {}

  private final Map<String, Row> rows = new LinkedHashMap<>();

  void add(String row, String unit, String subject, double value) {
    rows.computeIfAbsent(row, r -> new Row(r, unit, new LinkedHashMap<>()))
        .samples().computeIfAbsent(subject, s -> new ArrayList<>()).add(value);
    System.err.printf(Locale.ROOT, "  %-44s %-8s %10.4f %s%n", row, subject, value, unit);
  }

  static double median(List<Double> samples) {
    List<Double> sorted = samples.stream().sorted().toList();
    int n = sorted.size();
    return n % 2 == 1 ? sorted.get(n / 2) : (sorted.get(n / 2 - 1) + sorted.get(n / 2)) / 2;
  }

  /** @param peers subjects with which the first one is compared, a column each; may be none */
  String table(List<String> subjects, List<String> peers) {
    StringBuilder out = new StringBuilder("| row | unit |");
    subjects.forEach(s -> out.append(' ').append(s).append(" (min-max) |"));
    peers.forEach(s -> out.append(" ours/").append(s).append(" |"));
    out.append("\n|---|---|").append("---|".repeat(subjects.size() + peers.size())).append('\n');
    for (Row row : rows.values()) {
      out.append("| ").append(row.name()).append(" | ").append(row.unit()).append(" |");
      for (String subject : subjects) {
        out.append(' ').append(cell(row.samples().get(subject))).append(" |");
      }
      for (String peer : peers) {
        out.append(' ').append(ratio(row, subjects.get(0), peer)).append(" |");
      }
      out.append('\n');
    }
    return out.toString();
  }

  private static String cell(List<Double> samples) {
    if (samples == null) {
      return "-";
    }
    return String.format(Locale.ROOT, "%.4g (%.4g-%.4g)", median(samples),
        samples.stream().min(Double::compare).orElseThrow(),
        samples.stream().max(Double::compare).orElseThrow());
  }

  private static String ratio(Row row, String ours, String peer) {
    List<Double> a = row.samples().get(ours);
    List<Double> b = row.samples().get(peer);
    return a == null || b == null || median(b) == 0
        ? "-" : String.format(Locale.ROOT, "%.2f", median(a) / median(b));
  }

  void writeJson(Path file) throws IOException {
    String body = rows.values().stream().map(row -> String.format(
        "  {\"row\": \"%s\", \"unit\": \"%s\", \"samples\": {%s}}", row.name(), row.unit(),
        row.samples().entrySet().stream()
            .map(e -> "\"" + e.getKey() + "\": " + e.getValue())
            .collect(Collectors.joining(", "))))
        .collect(Collectors.joining(",\n"));
    Files.writeString(file, "{\"rows\": [\n" + body + "\n]}\n");
  }
}
