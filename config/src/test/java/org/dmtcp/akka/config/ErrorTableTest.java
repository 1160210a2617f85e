package org.dmtcp.akka.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

class ErrorTableTest {
  @Test
  void everyLineHasAnIdAMeaningAndARemedy() throws IOException {
    String text =
        new String(
            ErrorTable.class.getResourceAsStream("/errors.tsv").readAllBytes(),
            StandardCharsets.UTF_8);
    List<String> lines = text.lines().filter(line -> !line.startsWith("#")).toList();

    assertEquals(lines.size(), ErrorTable.entries().size(), "a line is incomplete or comes twice");
    ErrorTable.entries()
        .values()
        .forEach(
            entry -> {
              assertTrue(entry.id().matches("[a-z][a-z0-9-]+"), entry.id());
              assertTrue(entry.meaning().endsWith("."), entry.id());
              assertTrue(entry.remedy().endsWith("."), entry.id());
            });
  }

  @Test
  void anUnknownIdGetsTheRemedyOfWhatMustNotHappen() {
    assertEquals(ErrorTable.remedy("internal"), ErrorTable.remedy("never heard of it"));
  }

  @Test
  void theExitStatusOfAFailureCanBeChosen() {
    assertEquals(7, ExitCode.failNumber("7"));
    for (String bad : new String[] {null, "", "0", "256", "x", "-1", "9999999999"}) {
      assertEquals(99, ExitCode.failNumber(bad));
    }
  }
}
