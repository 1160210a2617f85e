package org.dmtcp.akka.coordinator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
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
  void ofManyImagesEveryHostGetsItsOwn() throws IOException {
    List<ImageInfo> images = new ArrayList<>();
    for (int i = 0; i <= Manifest.WHOLE; i++) {
      images.add(new ImageInfo(i == 0 ? "a" : "b", "/x/ckpt_" + i + ".dmtcp", "upid-" + i, 7, 0,
          "prog", false, 1, 1, "00"));
    }
    Manifest many = new Manifest(
        "comp", 1, "m", 0, "", Instant.EPOCH, "a", 7779, 0, images);
    Map<String, String> texts = many.besideImages(Set.of("a", "b", "c"));

    Manifest ofA = Manifest.parse(texts.get("a"), dir);
    assertEquals(List.of(images.get(0)), ofA.images());
    assertEquals("m", ofA.manifestId());
    assertTrue(texts.get("a").contains("\"members\" : " + images.size()), texts.get("a"));
    assertEquals(images.subList(1, images.size()), Manifest.parse(texts.get("b"), dir).images());
    assertEquals(List.of(), Manifest.parse(texts.get("c"), dir).images());
    assertEquals(many, Manifest.parse(many.toJson(), dir));
  }

  @Test
  void readsNoMoreThanTheHeadToCompare() throws IOException {
    commit(1);
    assertEquals(1, store().head("comp").orElseThrow().generation());
    assertEquals(Optional.empty(), store().head("other"));
    Path file = dir.resolve("dmtcp_manifest_comp.json");
    Files.writeString(file, "{\"formatVersion\" : 1, \"generation\" : 2");
    assertThrows(IOException.class, () -> store().head("comp"));
    Files.writeString(file, "{\"formatVersion\" : 9, \"generation\" : 2, \"manifestId\" : \"m\"}");
    assertThrows(IOException.class, () -> store().head("comp"));
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
  void isCommittedAlthoughTheLockCannotBeRemoved() throws IOException {
    GenerationStore store = new GenerationStore(dir, (from, to) -> {
      Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
      Path lock = dir.resolve("dmtcp_manifest_comp.json.lock");
      Files.delete(lock);
      Files.createFile(Files.createDirectory(lock).resolve("in the way"));
    });
    store.stage(manifest(1));
    assertEquals("", store.commit(manifest(1)));
    assertEquals(1, store.read("comp").orElseThrow().generation());
  }

  @Test
  void isCommittedWhenTheRenameTookPlaceAlthoughItFailed() throws IOException {
    GenerationStore store = new GenerationStore(dir, (from, to) -> {
      Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
      throw new NoSuchFileException(from.toString());
    });
    store.stage(manifest(1));
    assertEquals("", store.commit(manifest(1)));
    assertEquals(1, store.read("comp").orElseThrow().generation());
  }

  @Test
  void isNotCommittedWhenTheRenameFailed() throws IOException {
    commit(1);
    GenerationStore store = new GenerationStore(dir, (from, to) -> {
      throw new IOException("Stale file handle");
    });
    store.stage(manifest(2));
    IOException e = assertThrows(IOException.class, () -> store.commit(manifest(2)));
    assertEquals("Stale file handle", e.getMessage());
    assertEquals(1, store.read("comp").orElseThrow().generation());
  }

  @Test
  void leavesNothingOfADiscardedGeneration() throws IOException {
    store().probe("comp");
    store().stage(manifest(1));
    store().discard("comp", "m1");
    store().discard("comp", "m1");

    assertEquals(List.of(), files());
  }

  /** Two coordinators that do not know of each other, in one directory. */
  @Test
  void leavesAloneWhatAnotherHasStaged() throws IOException {
    commit(1);
    Manifest ours = manifest(2);
    Manifest others = new Manifest("comp", 2, "other", 1, "m1", Instant.EPOCH, "elsewhere", 7779, 0,
        ours.images());
    store().stage(ours);
    store().stage(others);
    store().probe("comp");
    store().discard("comp", "other");
    store().stage(others);
    store().commit(ours);
    assertEquals("m2", store().read("comp").orElseThrow().manifestId());
    assertThrows(IOException.class, () -> store().commit(others));

    Files.writeString(dir.resolve("dmtcp_manifest_comp.json.coordinator.x.temp"), "{\"format");
    store().prune(ours, "host"); // the coordinators of both have crashed
    assertEquals(List.of("dmtcp_manifest_comp.json"), files());
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
