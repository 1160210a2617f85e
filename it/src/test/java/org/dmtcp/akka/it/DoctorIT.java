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
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** {@code dmtcp_doctor} says beforehand what the other commands would say too late. */
@Timeout(value = 3, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class DoctorIT {
  private static final ObjectMapper JSON = new ObjectMapper();

  @BeforeAll
  static void build() throws IOException {
    Victims.build();
  }

  static List<String> accounts() {
    return Accounts.names();
  }

  private static JsonNode ask(Session session, int status, String... arguments)
      throws IOException {
    List<String> words = new ArrayList<>(List.of("dmtcp_doctor", "--json"));
    words.addAll(List.of(arguments));
    Outcome outcome = session.run(words.toArray(String[]::new));
    assertEquals(status, outcome.status(), outcome.text());
    JsonNode answer = JSON.readTree(outcome.out());
    assertEquals(status == 0, answer.get("possible").asBoolean(), outcome.text());
    return answer;
  }

  /** "check error" of all findings of this level; no error: "check". */
  private static List<String> findings(JsonNode answer, String level) {
    List<String> found = new ArrayList<>();
    for (JsonNode finding : answer.get("findings")) {
      if (finding.get("level").asText().equals(level)) {
        String error = finding.has("error") ? " " + finding.get("error").asText() : "";
        found.add(finding.get("check").asText() + error);
      }
    }
    return found;
  }

  /** Here everything else runs too: so the doctor may find no fault with this host. */
  @ParameterizedTest
  @MethodSource("accounts")
  void thisHostIsFineAndLeftAsItWas(String name) throws IOException {
    try (Session session = new Session(Skip.unlessAvailable(name))) {
      Path images = Files.createDirectory(session.directory().resolve("images"));
      Directories.give(images, session.account());
      JsonNode answer = ask(session, 0, "--ckptdir", images.toString());
      List<String> fine = findings(answer, "fine");
      assertTrue(fine.containsAll(List.of("ptrace", "namespaces", "proc-mount", "process-numbers",
          "checkpoint-dir", "checkpoint", "restart")), answer.toString());
      assertEquals(List.of(), Directories.names(images));
    }
  }

  @Test
  void directoryThatCannotBeWritten() throws IOException {
    try (Session session = new Session(Skip.unlessAvailable(Account.PLAIN))) {
      JsonNode answer = ask(session, 2, "--ckptdir", "/proc");
      assertEquals(List.of("checkpoint-dir image-unwritable"), findings(answer, "problem"));
      Outcome text = session.run("dmtcp_doctor", "-c", session.directory() + "/missing");
      assertEquals(2, text.status(), text.text());
      assertTrue(text.out().contains("PROBLEM  checkpoint-dir"), text.text());
      assertTrue(text.out().contains("-> The program runs on. Check that the directory exists"),
          text.text());
    }
  }

  @ParameterizedTest
  @MethodSource("accounts")
  void runningProgramsCanBeCheckpointed(String name) throws IOException {
    Account account = Skip.unlessAvailable(name);
    try (Computation computation = Computation.launch(account, Tree.victim("tcp_family"));
        Session session = new Session(account)) {
      computation.awaitMoreTicks(0);
      String pid = String.valueOf(computation.job().pid());
      JsonNode answer = ask(session, 0, "--pid", pid);
      assertEquals(List.of("process", "process", "process"), findings(answer, "fine"));
      computation.awaitMoreTicks(computation.ticks());
      computation.finish();
      computation.passed();
    }
  }

  /** A thread with a current directory of its own, which a restart could not give it. */
  private static final String REFUSED =
      """
      import ctypes, threading, time
      def alone():
          ctypes.CDLL(None).unshare(0x200)
          print("ready", flush=True)
          time.sleep(1000)
      threading.Thread(target=alone).start()
      """;

  @Test
  void whatWouldBeRefusedIsTold() throws IOException {
    try (Session session = new Session(Skip.unlessAvailable(Account.PLAIN))) {
      Path script = session.directory().resolve("refused.py");
      Files.writeString(script, REFUSED);
      try (Job job = session.start("refused", "python3", script.toString())) {
        session.await("refused.out", "ready");
        JsonNode answer = ask(session, 2, "--pid", String.valueOf(job.pid()));
        assertEquals(List.of("threads not-supported"), findings(answer, "problem"));
      }
    }
  }

  @Test
  void tracedOrForeignOrGone() throws IOException {
    try (Session session = new Session(Skip.unlessAvailable(Account.PLAIN))) {
      String traced = "exec strace -o /dev/null sh -c 'echo $$ >pid; sleep 1000'";
      try (Job job = session.start("traced", "sh", "-c", traced)) {
        String pid = session.await("pid", "\n").strip();
        JsonNode answer = ask(session, 2, "--pid", pid);
        assertEquals("traced", findings(answer, "problem").get(0));
        assertFalse(job.ended());
      }
      JsonNode foreign = ask(session, 2, "--pid", "1");
      assertTrue(findings(foreign, "problem").contains("access not-allowed-to-trace"));
      JsonNode gone = ask(session, 2, "--pid", "999999999");
      assertEquals(List.of("process no-such-process"), findings(gone, "problem"));
    }
  }

  /** All that is missing, not the first of it; back in its place it is fine. */
  @ParameterizedTest
  @MethodSource("accounts")
  void whatImagesNeedHere(String name) throws IOException {
    Account account = Skip.unlessAvailable(name);
    try (Computation computation = Computation.prepare(account);
        Session session = new Session(account)) {
      for (String file : List.of("first", "second")) {
        Files.writeString(session.directory().resolve(file), file);
        Directories.give(session.directory().resolve(file), account);
      }
      String enter = "cd " + session.directory() + "; ";
      String program = enter + "exec 8<first 9<second; echo ready; read x <&7";
      String pipe = "mkfifo hold && exec 7<>hold && ";
      computation.launch(List.of(), "sh", "-c", pipe + program);
      computation.awaitLine("ready");
      computation.checkpointAndKill();
      String images = computation.images().toString();
      assertEquals(List.of("image"), findings(ask(session, 0, images), "fine"));

      for (String file : List.of("first", "second")) {
        Files.move(session.directory().resolve(file), session.directory().resolve(file + ".away"));
      }
      JsonNode answer = ask(session, 2, images);
      assertEquals(List.of("file file-missing", "file file-missing"), findings(answer, "problem"));
      assertTrue(answer.get("findings").get(0).get("remedy").asText().length() > 10);
      computation.passed();
    }
  }

  @Test
  void damageAndForeignersAreTold() throws IOException {
    Account root = Skip.unlessAvailable(Account.ROOT);
    try (Computation computation = Computation.launch(root, Tree.victim("counter"));
        Session session = new Session(Skip.unlessAvailable(Account.PLAIN))) {
      computation.awaitMoreTicks(0);
      computation.checkpointAndKill();
      try (var images = Files.newDirectoryStream(computation.images(), "*.dmtcp")) {
        for (Path image : images) {
          Path copy = session.directory().resolve(image.getFileName());
          Files.copy(image, copy);
          Directories.give(copy, session.account());
          JsonNode answer = ask(session, 2, copy.toString());
          assertTrue(findings(answer, "problem").contains("owner image-other-owner"),
              answer.toString());
          byte[] bytes = Files.readAllBytes(copy);
          bytes[5000] ^= 1;
          Files.write(copy, bytes);
          assertTrue(findings(ask(session, 2, copy.toString()), "problem")
              .contains("image image-damaged"));
        }
      }
      computation.passed();
    }
  }

  @Test
  void whatIsNoQuestionIsRefused() throws IOException {
    try (Session session = new Session(Skip.unlessAvailable(Account.PLAIN))) {
      for (String arguments : List.of("--nonsense", "--pid", "--pid x", "--pid 1 image.dmtcp")) {
        List<String> words = new ArrayList<>(List.of("dmtcp_doctor"));
        words.addAll(List.of(arguments.split(" ")));
        Outcome outcome = session.run(words.toArray(String[]::new));
        assertEquals(1, outcome.status(), outcome.text());
        assertTrue(outcome.err().contains("[bad-option]"), outcome.text());
      }
    }
  }
}
