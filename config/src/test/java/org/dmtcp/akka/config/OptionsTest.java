package org.dmtcp.akka.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.Config;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.dmtcp.akka.config.Options.Given;
import org.dmtcp.akka.config.Options.UsageException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class OptionsTest {
  @ParameterizedTest
  @ValueSource(strings = {"launch", "restart", "command", "coordinator"})
  void everyRowOfTheTableIsComplete(String command) {
    List<Options.Option> options = Options.of(command);
    assertFalse(options.isEmpty());
    for (Options.Option option : options) {
      assertTrue(option.help().endsWith("."), option.name());
      assertTrue(option.names().stream().allMatch(n -> n.matches("[a-z][a-z0-9-]+")));
      option.environment().forEach(v -> assertTrue(v.matches("DMTCP_[A-Z_]+"), v));
    }
    long names = options.stream().flatMap(o -> o.names().stream()).count();
    assertEquals(names, options.stream().flatMap(o -> o.names().stream()).distinct().count());
    List<String> letters = options.stream().map(o -> o.letter()).filter(l -> !l.isEmpty()).toList();
    assertEquals(letters.size(), letters.stream().distinct().count(), letters.toString());
  }

  @Test
  void understandsAllFormsOfAnOption() throws UsageException {
    for (List<String> words :
        List.of(List.of("--coord-port", "5"), List.of("--port", "5"), List.of("--port=5"),
            List.of("-p", "5"), List.of("-p5"))) {
      assertEquals("5", parse(words, Map.of()).values().get("coord-port"), words.toString());
    }
    assertEquals("2", parse(List.of("-q", "--quiet"), Map.of()).values().get("quiet"));
    assertEquals(List.of("7", "-i"), parse(List.of("7", "--", "-i"), Map.of()).arguments());
  }

  @Test
  void prefersTheCommandLineToTheEnvironmentAndTheNewVariableToTheOld() throws UsageException {
    Map<String, String> both = Map.of("DMTCP_COORD_PORT", "1", "DMTCP_PORT", "2");
    assertEquals("1", parse(List.of(), both).values().get("coord-port"));
    assertEquals("3", parse(List.of("-p3"), both).values().get("coord-port"));
  }

  @Test
  void refusesWhatItDoesNotKnow() {
    assertThrows(UsageException.class, () -> parse(List.of("--nonsense"), Map.of()));
    assertThrows(UsageException.class, () -> parse(List.of("--interval"), Map.of()));
  }

  @Test
  void theConfigurationHasWhatWasGiven() throws UsageException {
    Config own =
        JvmConfig.load(
                JvmConfig.coordinator(
                    parse(
                        List.of("-i", "9", "--exit-on-last", "--stale-timeout", "-1", "-q", "-q"),
                        Map.of("DMTCP_CHECKPOINT_DIR", "/c"))))
            .getConfig("dmtcp.coordinator");

    assertEquals(Duration.ofSeconds(9), own.getDuration("interval"));
    assertTrue(own.getBoolean("exit-on-last"));
    assertEquals(Duration.ZERO, own.getDuration("stale-timeout"));
    assertEquals(2, own.getInt("quiet"));
    assertEquals("/c", own.getString("ckptdir"));
    assertEquals(7779, own.getInt("coord-port"));
  }

  @Test
  void noStaleTimeoutMeansTheDefault() throws UsageException {
    Config config =
        JvmConfig.load(JvmConfig.coordinator(parse(List.of("--stale-timeout", "0"), Map.of())));

    assertEquals(
        Duration.ofHours(8), config.getDuration("dmtcp.coordinator.stale-timeout"));
  }

  private static Given parse(List<String> words, Map<String, String> environment)
      throws UsageException {
    return Options.parse("coordinator", words, environment);
  }
}
