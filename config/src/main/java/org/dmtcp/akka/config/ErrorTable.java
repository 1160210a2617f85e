package org.dmtcp.akka.config;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/** The error ids, their meanings and remedies: {@code errors.tsv}, which the C parts read too. */
public final class ErrorTable {
  /** What a user is told about an error beside the text of the case. */
  public record Entry(String id, String meaning, String remedy) {}

  private static final Map<String, Entry> ENTRIES = read();

  private ErrorTable() {}

  /** All, in the order of the file. */
  public static Map<String, Entry> entries() {
    return ENTRIES;
  }

  /** What the user can do about it; for an unknown id that of {@code internal}. */
  public static String remedy(String id) {
    Entry entry = ENTRIES.get(id);
    return (entry == null ? ENTRIES.get("internal") : entry).remedy();
  }

  private static Map<String, Entry> read() {
    Map<String, Entry> entries = new LinkedHashMap<>();
    try (BufferedReader in =
        new BufferedReader(
            new InputStreamReader(
                ErrorTable.class.getResourceAsStream("/errors.tsv"), StandardCharsets.UTF_8))) {
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        String[] fields = line.split("\t");
        if (!line.startsWith("#") && fields.length == 3) {
          entries.put(fields[0], new Entry(fields[0], fields[1], fields[2]));
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return Collections.unmodifiableMap(entries);
  }
}
