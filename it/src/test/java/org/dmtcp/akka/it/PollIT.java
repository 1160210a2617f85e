package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A job script that asks for the status every 100 ms, whatever goes on. */
@Timeout(value = 3, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class PollIT {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int CYCLES = 5;

  /** Asks until {@code over} is there; a line for the answer and one for its exit status. */
  private static final String ASK =
      "while [ ! -e over ]; do \"$0\" --json --status; echo \"status $?\"; sleep 0.1; done";

  static List<String> accounts() {
    return Accounts.names();
  }

  /**
   * Killed and restarted in one breath: the killed may still be there when the restart comes, and
   * it waits for them. Every answer is one whole line that says so.
   */
  @ParameterizedTest
  @MethodSource("accounts")
  void everyAnswerIsWholeWhateverGoesOn(String name) throws IOException {
    Account account = Skip.unlessAvailable(name);
    try (Coordinator coordinator = Coordinator.start(account);
        Session session = new Session(coordinator)) {
      Job asking = session.start("asking", "bash", "-c", ASK, Tree.bin("dmtcp_command"));
      session.set("DMTCP_CHECKPOINT_DIR", session.directory().toString());
      Job job = session.start("job", "dmtcp_launch", "sleep", "1000");
      coordinator.awaitPeers(1);
      for (int i = 0; i < CYCLES; i++) {
        coordinator.must("-bc");
        coordinator.must("-k");
        Job again = session.start("again" + i, "bash", coordinator.script().toString());
        job.await(Session.LIMIT);
        job.close();
        job = again;
        Job now = again;
        Wait.until(Session.LIMIT, () -> coordinator.status().get("running").asBoolean(),
            running -> running || now.ended(), now::complaints);
        assertFalse(now.ended(), now.complaints());
      }
      coordinator.must("-k");
      assertEquals(0, job.await(Session.LIMIT), job.complaints());
      job.close();
      session.run("touch", "over");
      assertEquals(0, asking.await(Session.LIMIT), asking.complaints());
      assertEquals("", asking.complaints());
      asking.close();
      assertAnswers(session.read("asking.out").lines().toList(), coordinator);
    }
  }

  private static void assertAnswers(List<String> lines, Coordinator coordinator)
      throws IOException {
    assertTrue(lines.size() >= 10 && lines.size() % 2 == 0, lines::toString);
    List<String> fields = new ArrayList<>();
    for (int i = 0; i < lines.size(); i += 2) {
      JsonNode answer = JSON.readTree(lines.get(i));
      assertEquals("DMT_COORD_SUCCESS", answer.get("command_status").asText(), lines.get(i));
      assertEquals(coordinator.port(), answer.get("coordinator_port").asInt());
      assertTrue(answer.get("num_peers").asInt() <= 1, lines.get(i));
      fields.clear();
      answer.fieldNames().forEachRemaining(fields::add);
      fields.remove("restarting"); // there while that is so
      assertEquals(
          List.of("schema_version", "command", "command_status", "coordinator_host",
              "coordinator_port", "num_peers", "running", "checkpoint_interval"),
          fields);
      assertEquals("status 0", lines.get(i + 1));
    }
  }
}
