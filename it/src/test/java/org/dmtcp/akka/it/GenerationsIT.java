package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Several checkpoints of one computation side by side, and going back to an older one. */
@Timeout(value = 3, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class GenerationsIT {
  private static final ObjectMapper JSON = new ObjectMapper();
  /** In place: a file that is renamed while it is open could not be found by its name again. */
  private static final String COUNTER =
      "i=0; while :; do i=$((i + 1)); printf %08d $i 1<>count; sleep 0.05; done";

  private Coordinator coordinator;
  private Session session;

  @AfterEach
  void end() throws IOException {
    if (coordinator != null) {
      coordinator.command("-k");
      coordinator.awaitNobody();
      session.close();
      coordinator.close();
    }
  }

  private void start(String account) throws IOException {
    coordinator = Coordinator.start(Skip.unlessAvailable(account));
    session = new Session(coordinator);
    session.set("DMTCP_CHECKPOINT_DIR", session.directory().resolve("images").toString());
  }

  @ParameterizedTest
  @ValueSource(strings = {Account.PLAIN, Account.ROOT})
  void theLastOnesAreKeptAndAnyOfThemIsRestarted(String account) throws IOException {
    start(account);
    Job job = session.start("job", "dmtcp_launch", "--keep", "2", "bash", "-c", COUNTER);
    List<Long> counts = new ArrayList<>();
    for (int i = 1; i <= 3; i++) {
      awaitMore(counts.isEmpty() ? 0 : counts.get(counts.size() - 1));
      coordinator.awaitPeers(coordinator.status().get("num_peers").asInt());
      coordinator.must("-bc");
      counts.add(count());
    }
    JsonNode kept = generations();
    assertEquals(List.of(2L, 3L), numbers(kept));
    kept.forEach(g -> assertTrue(g.get("complete").asBoolean(), g.toString()));
    assertEquals(2, Directories.names(session.directory().resolve("images")).size());
    assertTrue(coordinator.must("--generations").contains("\n3, "));
    end(job);

    long last = count();
    Path older = Path.of(kept.get(0).get("script").asText());
    Job again = session.start("again", "bash", older.toString());
    Wait.until(Session.LIMIT, this::count, n -> n < last && n > 0 || again.ended(),
        () -> "an older count than " + last + "; " + again.complaints());
    assertFalse(again.ended(), again::complaints);
    awaitMore(count());
    // Its number is new, although the generation that was restarted is the second.
    coordinator.must("-bc");
    assertEquals(List.of(3L, 4L), numbers(generations()));
    end(again);
    assertEquals(4, numberIn(coordinator.script()), "the familiar name is the last one's");
  }

  @ParameterizedTest
  @ValueSource(strings = {Account.PLAIN, Account.ROOT})
  void uniqueNamesKeepEverything(String account) throws IOException {
    start(account);
    Job job = session.start(
        "job", "dmtcp_launch", "--enable-unique-checkpoint-filenames", "bash", "-c", COUNTER);
    awaitMore(0);
    for (int i = 0; i < 3; i++) {
      coordinator.must("-bc");
    }
    assertEquals(List.of(1L, 2L, 3L), numbers(generations()));
    for (String name : Directories.names(session.directory().resolve("images"))) {
      assertTrue(name.matches("ckpt_\\p{XDigit}+-\\d+-\\p{XDigit}+_0000[123]"), name);
    }
    end(job);
  }

  private void end(Job job) throws IOException {
    coordinator.must("-k");
    job.await(Session.LIMIT);
    coordinator.awaitNobody();
    job.close();
  }

  private long count() throws IOException {
    String text = session.read("count").strip();
    return text.isEmpty() ? 0 : Long.parseLong(text);
  }

  private void awaitMore(long than) throws IOException {
    Wait.until(Session.LIMIT, this::count, n -> n > than, () -> "a count over " + than);
  }

  private JsonNode generations() throws IOException {
    JsonNode answer = JSON.readTree(coordinator.must("--json", "--generations"));
    assertEquals("DMT_GENERATIONS", answer.get("command").asText());
    return answer.get("generations");
  }

  private static List<Long> numbers(JsonNode generations) {
    List<Long> numbers = new ArrayList<>();
    generations.forEach(g -> numbers.add(g.get("generation").asLong()));
    return numbers;
  }

  private static int numberIn(Path script) throws IOException {
    assertTrue(Files.exists(script));
    return Integer.parseInt(script.getFileName().toString().replaceAll(".*_(\\d+)\\.sh", "$1"));
  }
}
