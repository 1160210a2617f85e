package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** An image that is not whole, not ours or not for us is refused by name before anything is made. */
@Timeout(value = 3, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ImageIT {
  private static Computation computation;
  private static Session session;
  private static Path good;

  @BeforeAll
  static void checkpointOne() throws IOException {
    Victims.build();
    Account plain = Accounts.find(Account.PLAIN).orElseThrow();
    computation = Computation.launch(plain, Tree.victim("counter"));
    computation.awaitMoreTicks(0);
    computation.checkpoint();
    computation.kill();
    good = images().get(0);
    session = new Session(computation.coordinator());
  }

  @AfterAll
  static void end() throws IOException {
    session.close();
    computation.passed();
    computation.close();
  }

  private static List<Path> images() throws IOException {
    List<Path> found = new ArrayList<>();
    try (var files = Files.newDirectoryStream(computation.images(), "*.dmtcp")) {
      files.forEach(found::add);
    }
    return found;
  }

  @Test
  void imageIsForItsOwnerOnly() throws IOException {
    assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(good)));
  }

  @Test
  void ofATrivialProgramItIsBelowAMegabyte() throws IOException {
    assertTrue(Files.size(good) < 1_000_000, () -> "bytes: " + good.toFile().length());
  }

  private static Path copy(String name) throws IOException {
    Path copy = session.directory().resolve(name);
    Files.copy(good, copy, StandardCopyOption.REPLACE_EXISTING);
    Directories.give(copy, session.account());
    return copy;
  }

  private static void refused(String id, Path... images) throws IOException {
    List<String> words = new ArrayList<>(List.of("dmtcp_restart"));
    List.of(images).forEach(image -> words.add(image.toString()));
    Outcome outcome = session.run(words.toArray(String[]::new));
    assertEquals(99, outcome.status(), outcome.text());
    assertTrue(outcome.err().contains("[" + id + "]"), outcome.text());
    assertEquals(0, computation.coordinator().status().get("num_peers").asInt());
  }

  @Test
  void truncated() throws IOException {
    for (int part = 1; part <= 9; part += 2) {
      Path image = copy("short.dmtcp");
      try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
        file.setLength(file.length() * part / 10);
      }
      refused("image-truncated", image);
    }
  }

  @Test
  void oneByteIsAnother() throws IOException {
    Random random = new Random(42);
    for (int i = 0; i < 20; i++) {
      Path image = copy("damaged.dmtcp");
      try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
        long at = 4096 + (long) (random.nextDouble() * (file.length() - 4096));
        file.seek(at);
        int was = file.read();
        file.seek(at);
        file.write(was ^ 0x40);
      }
      List<String> words = List.of("dmtcp_restart", image.toString());
      Outcome outcome = session.run(words.toArray(String[]::new));
      assertEquals(99, outcome.status(), outcome.text());
      assertTrue(outcome.err().contains("[image-damaged]"), outcome.text());
    }
  }

  @Test
  void somethingElse() throws IOException {
    Path text = session.directory().resolve("text.dmtcp");
    Files.writeString(text, "this is no image\n".repeat(1000));
    refused("image-not-ours", text);
    Path empty = session.directory().resolve("empty.dmtcp");
    Files.writeString(empty, "");
    Outcome outcome = session.run("dmtcp_restart", empty.toString());
    assertEquals(99, outcome.status(), outcome.text());
    assertTrue(outcome.err().matches("(?s).*\\[image-(not-ours|truncated)\\].*"), outcome.text());
  }

  @Test
  void newerVersion() throws IOException {
    Path image = copy("newer.dmtcp");
    String tool = session.directory().resolve("newer").toString();
    String source = Tree.SOURCE.resolve("it/programs/newer.c").toString();
    String headers = "-I" + Tree.SOURCE.resolve("native-engine/src");
    Outcome made =
        Command.run(Session.LIMIT, "gcc", "-D_GNU_SOURCE", headers, "-o", tool, source, "-lxxhash");
    assertEquals(0, made.status(), made.text());
    assertEquals(0, Command.run(Session.LIMIT, tool, image.toString()).status());
    refused("image-newer-version", image);
  }

  @Test
  void somebodyElses() throws IOException {
    Account root = Skip.unlessAvailable(Account.ROOT);
    Path image = copy("theirs.dmtcp");
    try (Session asRoot = new Session(root)) {
      Outcome outcome = asRoot.run("dmtcp_restart", image.toString());
      assertEquals(99, outcome.status(), outcome.text());
      assertTrue(outcome.err().contains("[image-other-owner]"), outcome.text());
    }
  }

  @Test
  void notReadable() throws IOException {
    Skip.unless(Accounts.runsAsRoot(), "account-root", "the tests are not run as root");
    Path image = copy("locked.dmtcp");
    Directories.give(image, new Account(Account.ROOT, 0, 0, List.of()));
    Outcome outcome = session.run("dmtcp_restart", image.toString());
    assertEquals(99, outcome.status(), outcome.text());
    assertTrue(outcome.err().matches("(?s).*\\[image-(unreadable|other-owner)\\].*"), outcome.text());
  }

  @Test
  void missing() throws IOException {
    refused("image-unreadable", session.directory().resolve("nothing.dmtcp"));
  }

  @Test
  void wrongUsage() throws IOException {
    assertEquals(99, session.run("dmtcp_restart").status());
    assertEquals(99, session.run("dmtcp_restart", "--nosuchoption").status());
    assertEquals(99, session.run("dmtcp_restart", "/etc/passwd").status());
  }

  @Test
  void restartsFromACopyElsewhere() throws IOException {
    Path image = copy("elsewhere.dmtcp");
    long ticks = computation.ticks();
    try (Job job = session.start("elsewhere", "dmtcp_restart", image.toString())) {
      computation.coordinator().awaitPeers(1);
      Wait.until(Session.LIMIT, computation::ticks, now -> now > ticks, () -> "more ticks");
      computation.coordinator().must("-k");
      job.await(Session.LIMIT);
    }
  }
}
