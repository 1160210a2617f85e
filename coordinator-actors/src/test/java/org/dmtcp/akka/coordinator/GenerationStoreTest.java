package org.dmtcp.akka.coordinator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.dmtcp.akka.protocol.ImageInfo;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GenerationStoreTest {
  @TempDir Path dir;

  @Test
  void readsWhatItHasWritten() throws IOException {
    Manifest manifest = manifest(1);
    store().stage(manifest);
    store().commit(manifest);

    assertEquals(Optional.of(manifest), store().read("comp"));
    assertEquals(
        PosixFilePermissions.fromString("rw-------"),
        Files.getPosixFilePermissions(dir.resolve("dmtcp_manifest_comp.json")));
  }

  @Test
  void aCrashBeforeTheRenameLeavesThePreviousGeneration() throws IOException {
    commit(1);
    store().stage(manifest(2)); // and here it ends

    assertEquals(1, store().read("comp").orElseThrow().generation());
  }

  @Test
  void aCrashWhileTheManifestIsWrittenLeavesThePreviousGeneration() throws IOException {
    commit(1);
    Files.writeString(dir.resolve("dmtcp_manifest_comp.json.coordinator.temp"), "{\"format");

    assertEquals(1, store().read("comp").orElseThrow().generation());
    commit(2); // what the crash left is in nobody's way
    assertEquals(2, store().read("comp").orElseThrow().generation());
  }

  @Test
  void aCrashAfterTheRenameLeavesTheNewGeneration() throws IOException {
    commit(1);
    store().stage(manifest(2));
    store().commit(manifest(2)); // and here it ends, without script

    assertEquals(2, store().read("comp").orElseThrow().generation());
  }

  @Test
  void leavesNothingOfADiscardedGeneration() throws IOException {
    store().probe("comp");
    store().stage(manifest(1));
    store().discard("comp");
    store().discard("comp");

    assertEquals(List.of(), files());
  }

  @Test
  void pointsTheLinkAtTheNewestScript() throws IOException {
    store().writeScript(manifest(1), "one");
    Path script = store().writeScript(manifest(2), "two");

    Path link = dir.resolve("dmtcp_restart_script.sh");
    assertEquals(script.getFileName(), Files.readSymbolicLink(link));
    assertEquals("two", Files.readString(link));
    assertTrue(Files.isExecutable(link));
    assertEquals(2, files().size());
  }

  @Test
  void refusesWhatIsNoManifest() throws IOException {
    for (String text :
        List.of("", "{", "[]", "{\"formatVersion\":2}", "{\"formatVersion\":1}", "null")) {
      Files.writeString(dir.resolve("dmtcp_manifest_comp.json"), text);
      assertThrows(IOException.class, () -> store().read("comp"), text);
    }
  }

  @Test
  void saysWhatIsWrongWithTheDirectory() throws IOException {
    GenerationStore nowhere = new GenerationStore(dir.resolve("missing"));
    IOException e = assertThrows(IOException.class, () -> nowhere.probe("comp"));

    assertEquals("image-unwritable", FileFailures.of(e, nowhere).errorId());
    assertTrue(FileFailures.of(e, nowhere).text().contains(dir.resolve("missing").toString()));
    assertEquals(
        "disk-full",
        FileFailures.of(new IOException("No space left on device"), nowhere).errorId());
  }

  private void commit(long generation) throws IOException {
    store().stage(manifest(generation));
    store().commit(manifest(generation));
  }

  private GenerationStore store() {
    return new GenerationStore(dir);
  }

  private List<String> files() throws IOException {
    try (Stream<Path> all = Files.list(dir)) {
      return all.map(p -> p.getFileName().toString()).sorted().toList();
    }
  }

  private static Manifest manifest(long generation) {
    return new Manifest(
        "comp", generation, "m" + generation, generation - 1,
        generation > 1 ? "m" + (generation - 1) : "",
        Instant.EPOCH, "host", 7779, 0,
        List.of(new ImageInfo("host", "/a b/c'd", "u", 7, 0, "prog", true, 10, 20, "ff")));
  }
}
