package org.dmtcp.akka.agent.node;

import static org.dmtcp.akka.agent.node.TestImages.COMPUTATION;
import static org.dmtcp.akka.agent.node.TestImages.manifest;
import static org.dmtcp.akka.agent.node.TestImages.member;
import static org.dmtcp.akka.agent.node.TestImages.plan;
import static org.dmtcp.akka.agent.node.TestImages.write;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.stream.Stream;
import org.dmtcp.akka.agent.engine.HostProcess;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RoundFilesTest {
  @TempDir Path directory;

  private List<String> names() throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      return files.map(f -> f.getFileName().toString()).sorted().toList();
    }
  }

  private RoundFiles files(long generation) {
    return new RoundFiles("node", plan(generation, "m" + generation));
  }

  /** A whole round as the node sees it. */
  private void round(long generation, Member... members) throws IOException {
    RoundFiles files = files(generation);
    files.prepare(List.of(members));
    List<Path> images = Stream.of(members).map(files::image).toList();
    for (Path image : images) {
      write(files.temporary(image), COMPUTATION, generation, "m" + generation);
    }
    List<Path> obsolete = files.stage(manifest(generation, "m" + generation, images), images);
    files.commit(images, obsolete);
  }

  private static String familiar(Member m) {
    return "ckpt_prog_" + m.uniquePid() + ".dmtcp";
  }

  private long generationOf(Member m) {
    return ImageHeader.read(directory.resolve(familiar(m))).orElseThrow().generation();
  }

  @Test
  void givesFamiliarNamesOnlyWithTheCommit() throws Exception {
    Member a = member(1, directory);
    round(1, a);
    RoundFiles files = files(2);
    Path image = files.image(a);
    write(files.temporary(image), COMPUTATION, 2, "m2");
    List<Path> obsolete = files.stage(manifest(2, "m2", List.of(image)), List.of(image));
    assertEquals(1, generationOf(a));

    files.commit(List.of(image), obsolete);
    assertEquals(2, generationOf(a));
    assertEquals(
        List.of(familiar(a), "dmtcp_manifest_" + COMPUTATION + ".json"), names());
    files.commit(List.of(image), obsolete); // said twice
    assertEquals(2, generationOf(a));
  }

  @Test
  void givesNoManifestOfAnotherRoundItsName() throws Exception {
    Member a = member(1, directory);
    round(1, a);
    RoundFiles late = files(2);
    Path image = late.image(a);
    write(late.temporary(image), COMPUTATION, 2, "m2");
    files(3).stage(manifest(3, "m3", List.of(image)), List.of(image));

    late.commitFound(List.of(a));
    assertEquals(2, generationOf(a));
    Path manifest = directory.resolve("dmtcp_manifest_" + COMPUTATION + ".json");
    assertEquals(manifest(1, "m1", List.of(image)), Files.readString(manifest));
    assertTrue(Files.exists(directory.resolve(manifest.getFileName() + ".node.m3.temp")));
  }

  @Test
  void aPartDoesNotWaitForAPartOfAnotherRound() throws Exception {
    Member a = member(1, directory);
    RoundFiles files = staged("node2", a);
    String manifest = "dmtcp_manifest_" + COMPUTATION + ".json";
    String other = manifest(9, "m9", List.of());
    Files.writeString(directory.resolve(manifest + ".node1.temp"), other);
    files.commit(List.of(files.image(a)), List.of());
    assertTrue(Files.readString(directory.resolve(manifest)).contains(familiar(a)));
    assertEquals(other, Files.readString(directory.resolve(manifest + ".node1.temp")));
  }

  /** What a coordinator of many images sends: those of the node alone. */
  private static String part(Path image) {
    return manifest(1, "m1", List.of(image)).replaceFirst("\\{", "{\"members\":2,");
  }

  private RoundFiles staged(String node, Member member) throws IOException {
    RoundFiles files = new RoundFiles(node, plan(1, "m1"));
    Path image = files.image(member);
    write(files.temporary(image), COMPUTATION, 1, "m1");
    files.stage(part(image), List.of(image));
    return files;
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void nodesThatShareADirectoryPutTheirPartsOfTheManifestTogether(boolean firstIsFirst)
      throws Exception {
    Member a = member(1, directory);
    Member b = member(2, directory);
    RoundFiles one = staged("node1", a);
    RoundFiles two = staged("node2", b);
    if (firstIsFirst) {
      one.commit(List.of(one.image(a)), List.of());
      two.commit(List.of(two.image(b)), List.of());
    } else {
      two.commit(List.of(two.image(b)), List.of());
      one.commit(List.of(one.image(a)), List.of());
    }
    String manifest = "dmtcp_manifest_" + COMPUTATION + ".json";
    assertEquals(List.of(familiar(a), familiar(b), manifest), names());
    String text = Files.readString(directory.resolve(manifest));
    assertTrue(text.contains(familiar(a)) && text.contains(familiar(b)), text);
  }

  @Test
  void aPartDoesNotReplaceTheWholeManifestOfTheSameRound() throws Exception {
    Member a = member(1, directory);
    RoundFiles files = staged("node1", a);
    Path manifest = directory.resolve("dmtcp_manifest_" + COMPUTATION + ".json");
    Path image = files.image(a);
    String whole = manifest(1, "m1", List.of(image, Path.of("/elsewhere/ckpt_b.dmtcp")));
    Files.writeString(manifest, whole);
    files.commit(List.of(image), List.of());
    assertEquals(whole, Files.readString(manifest));
    assertEquals(List.of(familiar(a), manifest.getFileName().toString()), names());
  }

  @Test
  void removesTheImageOfAProcessThatHasGoneAndNobodyElses() throws Exception {
    Member a = member(1, directory);
    Member b = member(2, directory);
    round(1, a, b);
    write(directory.resolve("ckpt_prog_other.dmtcp"), "computation-2", 1, "x");
    write(directory.resolve("ckpt_prog_other2.dmtcp"), COMPUTATION, 1, "never in a manifest");
    round(2, a);
    assertEquals(List.of("ckpt_prog_other.dmtcp", "ckpt_prog_other2.dmtcp", familiar(a),
        "dmtcp_manifest_" + COMPUTATION + ".json"), names());
  }

  @Test
  void removesWhatAMemberThatHasGoneHadInADirectoryOfItsOwn() throws Exception {
    Path own = Files.createDirectory(directory.resolve("own"));
    Member a = member(1, directory);
    round(1, a, member(2, own));
    assertTrue(Files.exists(own.resolve("dmtcp_manifest_" + COMPUTATION + ".json")));
    round(2, a);
    assertEquals(0, own.toFile().list().length);
  }

  @Test
  void leavesThePreviousGenerationWhenItIsOff() throws Exception {
    Member a = member(1, directory);
    Member b = member(2, directory);
    round(1, a, b);
    List<String> before = names();
    RoundFiles files = files(2);
    List<Path> images = List.of(files.image(a));
    write(files.temporary(images.get(0)), COMPUTATION, 2, "m2");
    files.stage(manifest(2, "m2", images), images);
    files.discard(images, List.of());
    assertEquals(before, names());
    assertEquals(1, generationOf(a));
  }

  @Test
  void settlesWhatACrashLeft() throws Exception {
    Member a = member(1, directory);
    Member b = member(2, directory);
    round(1, a, b);
    Path committedNotRenamed = directory.resolve(familiar(a) + ".g00001");
    write(committedNotRenamed, COMPUTATION, 1, "m1");
    Path newer = directory.resolve(familiar(b) + ".g00002");
    write(newer, COMPUTATION, 2, "crashed"); // here; it may be committed elsewhere
    Path neverCommitted = directory.resolve(familiar(b) + ".g00001");
    write(neverCommitted, COMPUTATION, 1, "another attempt");
    Path incomplete = directory.resolve(familiar(b) + ".g00003");
    Files.write(incomplete, new byte[10_000]);
    Path strangers = directory.resolve("ckpt_prog_u.dmtcp.g00002");
    write(strangers, "computation-2", 2, "crashed");
    Path strangersIncomplete = directory.resolve("ckpt_prog_v.dmtcp.g00002");
    Files.write(strangersIncomplete, new byte[10]);

    files(3).prepare(List.of(a, b));
    assertEquals(List.of(familiar(a), familiar(b), familiar(b) + ".g00002",
            "ckpt_prog_u.dmtcp.g00002", "ckpt_prog_v.dmtcp.g00002",
            "dmtcp_manifest_" + COMPUTATION + ".json").stream()
        .sorted().toList(), names());
    round(4, a, b);
    assertEquals(List.of(familiar(a), familiar(b), "ckpt_prog_u.dmtcp.g00002",
            "ckpt_prog_v.dmtcp.g00002", "dmtcp_manifest_" + COMPUTATION + ".json").stream()
        .sorted().toList(), names());
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aRoundThatIsOffCostsNoGenerationWhoseCommitWasMissed(boolean isStaged) throws Exception {
    Member a = member(1, directory);
    RoundFiles missed = files(1);
    Path image = missed.image(a);
    write(missed.temporary(image), COMPUTATION, 1, "m1");
    missed.stage(manifest(1, "m1", List.of(image)), List.of(image));

    RoundFiles off = files(2);
    off.prepare(List.of(a));
    write(off.temporary(image), COMPUTATION, 2, "m2");
    if (isStaged) {
      off.stage(manifest(2, "m2", List.of(image)), List.of(image));
    }
    off.discard(List.of(image), List.of());
    files(3).prepare(List.of(a));
    assertTrue(Files.exists(missed.temporary(image)));

    missed.commitFound(List.of(a));
    assertEquals(1, generationOf(a));
  }

  /** Two coordinators that do not know of each other are in their commits. */
  @Test
  void aRoundThatIsOffCostsNothingOfAnotherOneOfItsNumber() throws Exception {
    Member a = member(1, directory);
    RoundFiles ours = new RoundFiles("node", plan(1, "ours"));
    RoundFiles others = new RoundFiles("node", plan(1, "others"));
    Path image = ours.image(a);
    for (RoundFiles each : List.of(ours, others)) {
      write(each.temporary(image), COMPUTATION, 1, each == ours ? "ours" : "others");
      each.stage(manifest(1, each == ours ? "ours" : "others", List.of(image)), List.of(image));
    }
    others.discard(List.of(image), List.of());

    ours.commit(List.of(image), List.of());
    assertEquals("ours", ImageHeader.read(image).orElseThrow().manifestId());
    assertEquals(
        List.of(familiar(a), "dmtcp_manifest_" + COMPUTATION + ".json"), names());
  }

  @Test
  void doesNotTakeAnOlderImageForItsOwn() throws Exception {
    Member a = member(1, directory);
    round(1, a);
    Path image = files(2).image(a);
    files(2).stage(manifest(2, "m2", List.of(image)), List.of(image));
    assertThrows(IOException.class, () -> files(2).commit(List.of(image), List.of()));
  }

  @Test
  void removesAManifestThatWasCutOffWithItsRound() throws Exception {
    RoundFiles files = files(1);
    Files.writeString(
        directory.resolve("dmtcp_manifest_" + COMPUTATION + ".json.node.m1.temp"), "{\"gener");
    files.discard(List.of(files.image(member(1, directory))), List.of());
    assertEquals(List.of(), names());
  }

  @Test
  void keepsWhatMayBeCommittedElsewhereUntilTheNextCommit() throws Exception {
    Member a = member(1, directory);
    round(1, a);
    RoundFiles crashed = files(2);
    Path image = crashed.image(a);
    write(crashed.temporary(image), COMPUTATION, 2, "m2");
    crashed.stage(manifest(2, "m2", List.of(image)), List.of(image));

    files(3).prepare(List.of(a));
    assertTrue(Files.exists(crashed.temporary(image)));
    round(3, a);
    assertEquals(
        List.of(familiar(a), "dmtcp_manifest_" + COMPUTATION + ".json"), names());
    assertEquals(3, generationOf(a));
  }

  /** A coordinator that was killed before its commit; the next one knows nothing of its round. */
  @Test
  void removesWhatAnotherRoundOfTheSameNumberLeft() throws Exception {
    Member a = member(1, directory);
    round(1, a);
    RoundFiles crashed = new RoundFiles("node", plan(2, "crashed"));
    Path image = crashed.image(a);
    write(crashed.temporary(image), COMPUTATION, 2, "crashed");
    crashed.stage(manifest(2, "crashed", List.of(image)), List.of(image));

    round(2, a);
    assertEquals("m2", ImageHeader.read(image).orElseThrow().manifestId());
    assertEquals(
        List.of(familiar(a), "dmtcp_manifest_" + COMPUTATION + ".json"), names());
  }

  @Test
  void commitsWhatAnEarlierAgentStaged() throws Exception {
    Member a = member(1, directory);
    RoundFiles earlier = files(1);
    Path image = earlier.image(a);
    write(earlier.temporary(image), COMPUTATION, 1, "m1");
    earlier.stage(manifest(1, "m1", List.of(image)), List.of(image));

    new RoundFiles("node", COMPUTATION, 1, "m1").commitFound(List.of(a));
    assertEquals(
        List.of(familiar(a), "dmtcp_manifest_" + COMPUTATION + ".json"), names());
    round(2, a);
    write(earlier.temporary(image), COMPUTATION, 1, "m1"); // told late, of what is history
    new RoundFiles("node", COMPUTATION, 1, "m1").commitFound(
        List.of(a, member(2, directory.resolve("gone"))));
    assertEquals(2, generationOf(a));
  }

  @Test
  void namesADirectoryThatIsMissing() {
    Member a = member(1, directory.resolve("not there"));
    IOException e = assertThrows(IOException.class, () -> files(1).prepare(List.of(a)));
    assertTrue(e.getMessage().contains("not there does not exist"), e.getMessage());
  }

  @Test
  void keepsFilesPrivate() throws Exception {
    Member a = member(1, directory);
    round(1, a);
    assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(
        directory.resolve("dmtcp_manifest_" + COMPUTATION + ".json"))));
  }

  @Test
  void putsNoSlashOrControlCharacterIntoAName() {
    Member odd = new Member(new HostProcess(9, 1), "u", 9, 0, "a/b\nc", true,
        member(1, directory).options());
    assertEquals("ckpt_a_b_c_u.dmtcp", files(1).image(odd).getFileName().toString());
  }

  @Test
  void givesEveryGenerationItsDirectoryWhenAsked() throws Exception {
    Member a = new Member(new HostProcess(9, 1), "u", 9, 0, "prog", true,
        new MemberOptions(directory.toString(), "zstd", false, false, 0, true, 0));
    RoundFiles files = files(4);
    List<Path> made = files.prepare(List.of(a));
    Path image = files.image(a);
    assertEquals(directory.resolve("ckpt_" + COMPUTATION + "_00004"), image.getParent());
    assertTrue(Files.isDirectory(image.getParent()));
    write(files.temporary(image), COMPUTATION, 4, "m4");
    files.discard(List.of(image), made);
    assertEquals(List.of(), names());
  }

  @Test
  void keepsSoManyGenerationsAndNeverFewer() throws Exception {
    Member a = new Member(new HostProcess(9, 1), "u", 9, 0, "prog", true,
        new MemberOptions(directory.toString(), "zstd", false, false, 0, false, 2));
    for (int generation = 1; generation <= 4; generation++) {
      round(generation, a);
      KeptGenerations.prune(List.of(a), COMPUTATION, generation);
    }
    assertEquals(
        List.of("ckpt_" + COMPUTATION + "_00003", "ckpt_" + COMPUTATION + "_00004"), names());
    // Nothing says that generation 5 was committed: the others stay.
    KeptGenerations.prune(List.of(a), COMPUTATION, 5);
    assertEquals(2, names().size());
  }

  @Test
  void aRestartedProcessGoesOnBesideItsOldGenerations() {
    Member a = new Member(new HostProcess(9, 1), "u", 9, 0, "prog", true,
        new MemberOptions(directory.resolve("ckpt_" + COMPUTATION + "_00003").toString(), "zstd",
            false, false, 0, true, 0));
    assertEquals(directory.resolve("ckpt_" + COMPUTATION + "_00004"),
        files(4).image(a).getParent());
  }

  @Test
  void imagesRememberTheOptions() {
    MemberOptions options = new MemberOptions("/d", "lz4", true, true, 12, true, 700);
    assertEquals(options, MemberOptions.ofBits("/d", "lz4", options.bits()));
  }
}
