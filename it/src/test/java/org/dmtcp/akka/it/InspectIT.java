package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code dmtcp_inspect}: what images hold, in all its forms, and that they are as written. */
@Timeout(value = 3, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class InspectIT {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static Computation computation;
  private static Session session;

  /** A server and two clients, by TCP. */
  @BeforeAll
  static void checkpointOne() throws IOException {
    Victims.build();
    Account plain = Accounts.find(Account.PLAIN).orElseThrow();
    computation = Computation.launch(plain, Tree.victim("tcp_family"));
    computation.awaitMoreTicks(0);
    computation.checkpoint();
    computation.kill();
    session = new Session(plain);
  }

  @AfterAll
  static void end() throws IOException {
    session.close();
    computation.passed();
    computation.close();
  }

  private static List<Path> files(String pattern) throws IOException {
    List<Path> found = new ArrayList<>();
    try (var files = Files.newDirectoryStream(computation.images(), pattern)) {
      files.forEach(found::add);
    }
    return found.stream().sorted().toList();
  }

  private static JsonNode model(int status, Path what, String... options) throws IOException {
    List<String> words = new ArrayList<>(List.of("dmtcp_inspect", "--json"));
    words.addAll(List.of(options));
    words.add(what.toString());
    Outcome outcome = session.run(words.toArray(String[]::new));
    assertEquals(status, outcome.status(), outcome.text());
    return JSON.readTree(outcome.out());
  }

  @Test
  void tellsWhoIsConnectedWithWhom() throws IOException {
    JsonNode model = model(0, computation.images(), "--verify");
    assertEquals(3, model.get("images").size());
    assertTrue(model.get("verified").asBoolean());
    JsonNode server = null;
    Set<Integer> pids = new HashSet<>();
    for (JsonNode image : model.get("images")) {
      pids.add(image.get("pid").asInt());
      assertEquals("tcp_family", image.get("program").asText());
      assertEquals(computation.work().toString(), image.get("directory").asText());
      assertTrue(image.get("arguments").get(0).asText().endsWith("tcp_family"));
      assertEquals(1, image.get("threads").size());
      assertTrue(image.get("mappings").findValuesAsText("kind").contains("stack"));
      if (image.get("descriptors").findValuesAsText("state").contains("listening")) {
        server = image;
      }
    }
    Set<Integer> clients = new HashSet<>();
    for (JsonNode link : model.get("connections")) {
      if (link.get("kind").asText().equals("tcp")) {
        clients.add(link.get("from").get("pid").asInt());
        clients.add(link.get("to").get("pid").asInt());
      }
    }
    assertEquals(3, pids.size());
    assertTrue(server != null && clients.equals(pids), model.get("connections").toString());
  }

  /** An image, their directory, the manifest and the restart script all lead to the same. */
  @Test
  void takesWhateverTheUserHas() throws IOException {
    assertEquals(1, model(0, files("*.dmtcp").get(0)).get("images").size());
    assertEquals(3, model(0, computation.images()).get("images").size());
    assertEquals(3, model(0, files("dmtcp_manifest_*.json").get(0)).get("images").size());
    Path script = computation.coordinator().script();
    assertEquals(3, model(0, script).get("images").size());
    Path link = script.resolveSibling("dmtcp_restart_script.sh");
    assertEquals(3, model(0, link).get("images").size());
  }

  /** Kept generations are in directories of their own; that of all of them means the last. */
  @Test
  void takesKeptGenerations() throws IOException {
    try (Computation kept = Computation.prepare(session.account())) {
      kept.launch(List.of("--keep", "3"), Tree.victim("counter"));
      kept.awaitMoreTicks(0);
      kept.checkpoint();
      kept.checkpoint();
      Path script = kept.coordinator().script();
      kept.kill();
      assertEquals(2, model(0, script, "--verify").at("/images/0/generation").asInt());
      assertEquals(2, model(0, kept.images(), "--verify").at("/images/0/generation").asInt());
      Path first =
          script.resolveSibling(script.getFileName().toString().replace("_00002.sh", "_00001.sh"));
      assertEquals(1, model(0, first, "--verify").at("/images/0/generation").asInt());
      kept.passed();
    }
  }

  @Test
  void textNamesEverything() throws IOException {
    Outcome outcome = session.run("dmtcp_inspect", computation.images().toString(), "--verify");
    assertEquals(0, outcome.status(), outcome.text());
    for (String part : List.of("tcp_family (", "threads (1)", "memory (", "descriptors (",
        "127.0.0.1:", "connections (", "verified: every byte of 3 images")) {
      assertTrue(outcome.out().contains(part), part + " in " + outcome.text());
    }
  }

  private static Path copies() throws IOException {
    Path directory = Files.createTempDirectory(session.directory(), "c");
    Directories.give(directory, session.account());
    for (Path file : files("*.{dmtcp,json}")) {
      Path copy = Files.copy(file, directory.resolve(file.getFileName()));
      Directories.give(copy, session.account());
    }
    return directory;
  }

  private static List<String> problems(JsonNode model) {
    List<String> ids = new ArrayList<>();
    model.get("problems").forEach(p -> ids.add(p.get("error").get("id").asText()));
    return ids;
  }

  private static Path anImage(Path directory) throws IOException {
    return directory.resolve(
        Directories.names(directory).stream()
            .filter(name -> name.endsWith(".dmtcp"))
            .findFirst()
            .orElseThrow());
  }

  /** Chunks begin at 4096; only reading them tells. Before them are zeros that nothing uses. */
  @ParameterizedTest
  @ValueSource(ints = {5000, 2000})
  void verifyFindsOneWrongByte(int offset) throws IOException {
    Path directory = copies();
    try (RandomAccessFile file = new RandomAccessFile(anImage(directory).toFile(), "rw")) {
      file.seek(offset);
      int was = file.read();
      file.seek(offset);
      file.write(was ^ 1);
    }
    assertEquals(List.of(), problems(model(0, directory)));
    JsonNode model = model(2, directory, "--verify");
    assertEquals(List.of("image-damaged"), problems(model));
    assertFalse(model.get("verified").asBoolean());
  }

  @Test
  void verifyMissesAMember() throws IOException {
    Path directory = copies();
    Files.delete(anImage(directory));
    assertEquals(List.of("image-set-incomplete"), problems(model(2, directory, "--verify")));
  }

  @Test
  void whatCannotBeReadDoesNotHideTheOthers() throws IOException {
    Path directory = copies();
    try (RandomAccessFile file = new RandomAccessFile(anImage(directory).toFile(), "rw")) {
      file.setLength(file.length() / 2);
    }
    JsonNode model = model(2, directory);
    assertEquals(List.of("image-truncated"), problems(model));
    assertEquals(2, model.get("images").size());
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "--nonsense x", "--json --html x"})
  void whatIsNoQuestionIsRefused(String arguments) throws IOException {
    Outcome outcome = session.run("sh", "-c", Tree.bin("dmtcp_inspect") + " " + arguments);
    assertEquals(1, outcome.status(), outcome.text());
    assertTrue(outcome.err().contains("[bad-option]"), outcome.text());
  }

  /** A real browser draws it, in both colour schemes, and nothing is wider than a phone. */
  @ParameterizedTest
  @CsvSource({"1, 390", "0, 390", "1, 1200", "0, 1200"})
  void pageIsDrawn(int light, int width) throws IOException {
    Skip.unlessInstalled("chromium");
    Path page = session.directory().resolve("page" + light + width + ".html");
    Outcome made = session.run("dmtcp_inspect", "--html", computation.images().toString());
    assertEquals(0, made.status(), made.text());
    assertFalse(made.out().matches("(?s).*(src|href)=.*"), "nothing is loaded from elsewhere");
    Files.writeString(page, made.out());
    Path picture = session.directory().resolve("picture" + light + width + ".png");
    browse(width, light, page, "--screenshot=" + picture);
    BufferedImage image = ImageIO.read(picture.toFile());
    assertEquals(width, image.getWidth());
    int corner = image.getRGB(2, 2) & 0xff;
    assertTrue(light == 1 ? corner > 0xc0 : corner < 0x40, "background " + corner);
    assertTrue(colours(image) > 60, "drawn: " + colours(image));

    Files.writeString(page, MEASURING.formatted(width, JSON.writeValueAsString(made.out())));
    String dom = browse(1300, light, page, "--dump-dom");
    assertTrue(dom.contains("<title>needs " + width + "</title>"), dom.substring(0, 200));
  }

  /** The browser's own window is never narrower than 500. */
  private static final String MEASURING =
      """
      <!DOCTYPE html><title>measuring</title>
      <iframe style="border:0;width:%dpx;height:2000px"></iframe>
      <script>
      const frame = document.querySelector("iframe");
      frame.onload = () => {
        document.title = "needs " + frame.contentDocument.documentElement.scrollWidth;
      };
      frame.srcdoc = %s;
      </script>
      """;

  private static int colours(BufferedImage image) {
    Set<Integer> seen = new HashSet<>();
    for (int x = 0; x < image.getWidth(); x += 2) {
      for (int y = 0; y < image.getHeight(); y += 2) {
        seen.add(image.getRGB(x, y));
      }
    }
    return seen.size();
  }

  private static String browse(int width, int light, Path page, String action) throws IOException {
    Path profile = session.directory().resolve("chromium");
    Outcome outcome =
        Command.run(
            Session.LIMIT,
            "chromium",
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--hide-scrollbars",
            "--user-data-dir=" + profile,
            "--window-size=" + width + ",1600",
            "--blink-settings=preferredColorScheme=" + light,
            action,
            page.toUri().toString());
    assertEquals(0, outcome.status(), outcome.text());
    return outcome.out();
  }
}
