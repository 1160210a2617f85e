package org.dmtcp.akka.agent.node;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.dmtcp.akka.protocol.RoundPlan;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The files of one round on this node, in the order that ARCHITECTURE.md gives: images under the
 * names of their generation, the staged manifest, and, once the coordinator has committed, the
 * familiar names. All calls block.
 */
final class RoundFiles {
  private static final Logger log = LoggerFactory.getLogger(RoundFiles.class);
  private static final ObjectMapper JSON = new ObjectMapper();

  private final String node;
  private final String computationId;
  private final long generation;
  private final String manifestId;

  RoundFiles(String node, RoundPlan plan) {
    this(node, plan.computationId(), plan.generation(), plan.manifestId());
  }

  RoundFiles(String node, String computationId, long generation, String manifestId) {
    this.node = node;
    this.computationId = computationId;
    this.generation = generation;
    this.manifestId = manifestId;
  }

  /** Where the image of a process is after the commit. */
  Path image(Member member) {
    StringBuilder program = new StringBuilder();
    member.program().codePoints().forEach(c ->
        program.appendCodePoint(c == '/' || Character.isISOControl(c) ? '_' : c));
    return directory(member).resolve("ckpt_" + program + "_" + member.uniquePid() + ".dmtcp");
  }

  private Path directory(Member member) {
    Path base = KeptGenerations.base(member, computationId);
    return member.options().perGeneration()
        ? base.resolve(KeptGenerations.name(computationId, generation)) : base;
  }

  /**
   * Where it is written before. A coordinator that does not know of ours may have a round of the
   * same number: it has other names.
   */
  Path temporary(Path image) {
    return image.resolveSibling(
        image.getFileName() + String.format(".g%05d-%s", generation, round()));
  }

  private String round() {
    return manifestId.substring(0, Math.min(8, manifestId.length()));
  }

  /**
   * Tries the directories and removes what earlier rounds left there; nothing of this round exists
   * yet on any node.
   *
   * @return directories that were made, which an aborted round removes again
   * @throws IOException a directory is missing or cannot be written; the text names it
   */
  List<Path> prepare(Collection<Member> members) throws IOException {
    List<Path> made = new ArrayList<>();
    Set<String> uniquePids = new HashSet<>();
    Set<Path> directories = new HashSet<>();
    for (Member member : members) {
      uniquePids.add(member.uniquePid());
      Path directory = directory(member);
      if (!directories.add(directory)) {
        continue;
      }
      if (member.options().perGeneration() && !Files.exists(directory)) {
        Files.createDirectories(directory,
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        made.add(directory);
      }
      if (member.options().perGeneration() && Files.exists(manifest(directory))) {
        throw new IOException(directory + " holds a checkpoint already");
      }
      if (!Files.isDirectory(directory)) {
        throw new IOException("the checkpoint directory " + directory
            + (Files.exists(directory) ? " is not a directory" : " does not exist"));
      }
      if (!Files.isWritable(directory)) {
        throw new IOException("the checkpoint directory " + directory + " cannot be written");
      }
    }
    for (Path directory : directories) {
      settleLeftovers(directory, uniquePids);
    }
    return List.copyOf(made);
  }

  /**
   * Files named for a generation, of rounds that did not end: one that the manifest beside it names
   * is committed and gets its familiar name; one that is newer, or whose manifest is staged, may
   * be, elsewhere, and stays until the next commit; anything else never will be.
   */
  private void settleLeftovers(Path directory, Set<String> uniquePids) throws IOException {
    List<Path> left = list(directory, "ckpt_*.dmtcp.g[0-9]*");
    if (left.isEmpty()) {
      return;
    }
    // First what is staged: a commit that comes late may just be giving it the manifest's name.
    Set<String> undecided = new HashSet<>();
    for (Path staged : list(directory, "dmtcp_manifest_" + computationId + ".json.*temp")) {
      manifestId(staged).ifPresent(undecided::add);
    }
    Optional<JsonNode> manifest = tree(manifest(directory));
    String committed = manifest.map(RoundFiles::manifestId).orElse("");
    long generation = manifest.map(RoundFiles::generation).orElse(0L);
    for (Path file : left) {
      Optional<ImageHeader> header = ImageHeader.read(file);
      String name = file.getFileName().toString();
      String familiar = name.substring(0, name.lastIndexOf(".g"));
      if (header.isEmpty()) {
        if (uniquePids.stream().anyMatch(u -> familiar.endsWith("_" + u + ".dmtcp"))) {
          remove(file);
        }
      } else if (header.get().computationId().equals(computationId)) {
        if (header.get().manifestId().equals(committed)) {
          moveIfThere(file, file.resolveSibling(familiar)); // or it is being done for us
        } else if (header.get().generation() <= generation
            && !undecided.contains(header.get().manifestId())) {
          remove(file);
        }
      }
    }
  }

  /**
   * Makes the manifest durable under its temporary name beside every image.
   *
   * @return this host's images of the generation before that this one does not replace: in any
   *     directory, as the member may have had one of its own
   */
  List<Path> stage(String manifest, Collection<Path> images) throws IOException {
    Set<Path> now = new HashSet<>(images(JSON.readTree(manifest)));
    List<Path> obsolete = new ArrayList<>();
    for (Path directory : directories(images)) {
      writeDurably(staged(directory), manifest);
      tree(manifest(directory)).orElse(JSON.createObjectNode()).path("images").forEach(i -> {
        Path image = Path.of(i.path("path").asText());
        if (i.path("host").asText().equals(node) && !now.contains(image)
            && !obsolete.contains(image)
            && !KeptGenerations.isOne(image.getParent(), computationId)) {
          obsolete.add(image);
        }
      });
    }
    return List.copyOf(obsolete);
  }

  /** The generation is committed: familiar names. Repeating it is harmless. */
  void commit(Collection<Path> images, Collection<Path> obsolete) throws IOException {
    for (Path directory : directories(images)) {
      nameManifest(directory);
    }
    for (Path image : images) {
      boolean isNamed = !Files.exists(temporary(image));
      moveIfThere(temporary(image), image);
      if (isNamed && ImageHeader.read(image).filter(h -> h.generation() < generation).isPresent()) {
        throw new IOException(temporary(image) + " has gone, " + image + " is an older one");
      }
    }
    for (Path directory : directories(images)) {
      sync(directory);
    }
    for (Path file : obsolete) {
      if (ImageHeader.read(file).filter(h -> h.computationId().equals(computationId)
          && h.generation() < generation).isPresent()) {
        remove(file);
      }
    }
    for (Path directory : directories(images)) {
      removeOlder(directory);
    }
    Set<Path> deserted = directories(obsolete);
    deserted.removeAll(directories(images));
    deserted.stream().map(this::manifest)
        .filter(m -> tree(m).filter(t -> generation(t) < generation).isPresent())
        .forEach(RoundFiles::remove);
  }

  /**
   * What is staged may be of another round, whose commit has not reached us or which has begun:
   * that stays. It may list our images alone. Whoever shares the directory has staged his part too,
   * before the commit: the first by name puts all together, if they are not all in a whole manifest
   * that is there already, the coordinator's.
   */
  private void nameManifest(Path directory) throws IOException {
    Path ours = staged(directory);
    Optional<JsonNode> own = tree(ours).filter(t -> manifestId(t).equals(manifestId));
    if (own.filter(RoundFiles::isWhole).isPresent()) {
      moveIfThere(ours, manifest(directory));
      return;
    }
    List<Path> others = list(directory, "dmtcp_manifest_" + computationId + ".json.*temp");
    others.sort(Comparator.naturalOrder());
    boolean isFirst = others.stream().takeWhile(o -> o.compareTo(ours) < 0).noneMatch(this::isOurs);
    // Only now: whoever put the parts together named the manifest before he removed one of them.
    if (isOurs(manifest(directory))) {
      if (own.isPresent()) {
        remove(ours);
      }
    } else if (own.isEmpty()) {
      log.warn("{} lists no images of generation {}", manifest(directory), generation);
    } else if (isFirst) {
      putTogether(
          directory, others.stream().filter(o -> o.equals(ours) || isOurs(o)).toList());
    }
  }

  private boolean isOurs(Path manifest) {
    return manifestId(manifest).filter(manifestId::equals).isPresent();
  }

  private void putTogether(Path directory, List<Path> parts) throws IOException {
    if (parts.size() == 1) {
      moveIfThere(parts.get(0), manifest(directory));
      return;
    }
    ObjectNode all = JSON.readValue(parts.get(0).toFile(), ObjectNode.class);
    for (Path part : parts.subList(1, parts.size())) {
      all.withArray("images").addAll(
          JSON.readValue(part.toFile(), ObjectNode.class).withArray("images"));
    }
    Path together = directory.resolve(manifest(directory).getFileName() + ".together");
    writeDurably(together, JSON.writerWithDefaultPrettyPrinter().writeValueAsString(all) + "\n");
    Files.move(together, manifest(directory), StandardCopyOption.ATOMIC_MOVE);
    parts.forEach(RoundFiles::remove);
  }

  private static boolean isWhole(JsonNode manifest) {
    return manifest.path("members").asInt() <= manifest.path("images").size();
  }

  /**
   * The same, by an agent that does not remember the round: what is there says what it is. Where a
   * newer generation has been committed meanwhile nothing is done.
   */
  void commitFound(Collection<Member> members) throws IOException {
    Set<Path> directories = new HashSet<>();
    members.forEach(m -> directories.add(directory(m)));
    List<Path> images = new ArrayList<>();
    for (Path directory : directories) {
      if (!Files.isDirectory(directory) || tree(manifest(directory))
          .filter(t -> generation(t) > generation).isPresent()) {
        continue;
      }
      for (Path file : list(directory, String.format("ckpt_*.dmtcp.g%05d*", generation))) {
        if (ImageHeader.read(file).filter(h -> h.manifestId().equals(manifestId)).isPresent()) {
          String name = file.getFileName().toString();
          Path image = file.resolveSibling(name.substring(0, name.lastIndexOf(".g")));
          if (!file.equals(temporary(image))) {
            Files.move(file, temporary(image)); // of a version without the round in its names
          }
          images.add(image);
        }
      }
    }
    commit(images, List.of());
  }

  /**
   * Removes what the round wrote, and the directories that {@link #prepare} made for it. What
   * another round staged stays: its commit may only not have reached us.
   */
  void discard(Collection<Path> images, Collection<Path> made) {
    for (Path image : images) {
      remove(temporary(image));
    }
    for (Path directory : directories(images)) {
      remove(staged(directory));
    }
    for (Path directory : made) {
      remove(directory); // unless another node's files are in it
    }
  }

  /** After the commit no other round's leftovers of this computation are of use. */
  private void removeOlder(Path directory) throws IOException {
    for (Path file : list(directory, "ckpt_*.dmtcp.g[0-9]*")) {
      if (ImageHeader.read(file).filter(h -> h.computationId().equals(computationId)
          && isOff(h.generation(), h.manifestId())).isPresent()) {
        remove(file);
      }
    }
    for (Path file : list(directory,
        "dmtcp_manifest_" + computationId + ".json.*{temp,together}")) {
      if (tree(file).filter(t -> isOff(generation(t), manifestId(t))).isPresent()) {
        remove(file);
      }
    }
  }

  /** Now that we are committed. The next round may have begun: its generation is newer. */
  private boolean isOff(long ofGeneration, String ofManifest) {
    return ofGeneration < generation
        || ofGeneration == generation && !ofManifest.equals(manifestId);
  }

  private Path manifest(Path directory) {
    return directory.resolve("dmtcp_manifest_" + computationId + ".json");
  }

  /** Named for the node and the round: several may share the directory. */
  private Path staged(Path directory) {
    return directory.resolve(
        "dmtcp_manifest_" + computationId + ".json." + node + "." + round() + ".temp");
  }

  private static Set<Path> directories(Collection<Path> images) {
    Set<Path> directories = new HashSet<>();
    images.forEach(i -> directories.add(i.getParent()));
    return directories;
  }

  private static List<Path> list(Path directory, String glob) throws IOException {
    List<Path> files = new ArrayList<>();
    try (DirectoryStream<Path> found = Files.newDirectoryStream(directory, glob)) {
      found.forEach(files::add);
    }
    return files;
  }

  private static Optional<JsonNode> tree(Path manifest) {
    try {
      return Optional.of(JSON.readTree(Files.readAllBytes(manifest)));
    } catch (IOException e) {
      return Optional.empty(); // missing, or cut off by a crash: it decides nothing
    }
  }

  private static Optional<String> manifestId(Path manifest) {
    return tree(manifest).map(RoundFiles::manifestId);
  }

  private static String manifestId(JsonNode manifest) {
    return manifest.path("manifestId").asText();
  }

  private static long generation(JsonNode manifest) {
    return manifest.path("generation").asLong();
  }

  private static List<Path> images(JsonNode manifest) {
    List<Path> images = new ArrayList<>();
    manifest.path("images").forEach(i -> images.add(Path.of(i.path("path").asText())));
    return images;
  }

  private static void moveIfThere(Path from, Path to) throws IOException {
    try {
      Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
    } catch (NoSuchFileException e) {
      if (!Files.exists(to)) {
        throw e;
      }
    }
  }

  private static void writeDurably(Path file, String text) throws IOException {
    Files.deleteIfExists(file);
    try (FileChannel out = FileChannel.open(file,
        Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")))) {
      ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
      while (bytes.hasRemaining()) {
        out.write(bytes);
      }
      out.force(true);
    }
    sync(file.getParent());
  }

  private static void sync(Path directory) throws IOException {
    try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }

  private static void remove(Path file) {
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      log.warn("{} could not be removed: {}", file, e.getMessage());
    }
  }
}
