package org.dmtcp.akka.coordinator;

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
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.dmtcp.akka.protocol.GenerationInfo;
import org.dmtcp.akka.protocol.ImageInfo;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The coordinator's own files of a generation, in its checkpoint directory. {@link #stage} and
 * {@link #commit} are the two halves of the commit: until the rename in the latter the previous
 * manifest is the valid one, from it on the new one. All calls block.
 */
public final class GenerationStore {
  private static final Logger log = LoggerFactory.getLogger(GenerationStore.class);
  private static final Set<PosixFilePermission> PRIVATE =
      PosixFilePermissions.fromString("rw-------");

  /** How the manifest gets its name. */
  interface Rename {
    void move(Path from, Path to) throws IOException;
  }

  private final Path directory;
  private final Rename rename;

  public GenerationStore(Path directory) {
    this(directory, (from, to) -> Files.move(from, to, StandardCopyOption.ATOMIC_MOVE));
  }

  GenerationStore(Path directory, Rename rename) {
    this.directory = directory.toAbsolutePath().normalize();
    this.rename = rename;
  }

  public Path directory() {
    return directory;
  }

  /** The manifest of the last committed generation here. */
  public Optional<Manifest> read(String computationId) throws IOException {
    Path file = manifest(computationId);
    try {
      return Optional.of(Manifest.parse(Files.readString(file), file));
    } catch (NoSuchFileException e) {
      return Optional.empty();
    }
  }

  /** The same, without the list of its images. */
  Optional<Manifest.Head> head(String computationId) throws IOException {
    try {
      return Optional.of(Manifest.head(manifest(computationId)));
    } catch (NoSuchFileException e) {
      return Optional.empty();
    }
  }

  /** Finds out, before anything is stopped, whether a commit here is possible at all. */
  public void probe(String computationId) throws IOException {
    Path file = staged(computationId, UUID.randomUUID().toString());
    Files.createFile(file, PosixFilePermissions.asFileAttribute(PRIVATE));
    Files.delete(file);
  }

  /** The manifest is durable under its temporary name. */
  public void stage(Manifest manifest) throws IOException {
    writeDurably(staged(manifest), manifest.toJson(), PRIVATE);
  }

  /**
   * Renames the staged manifest: the commit. Only over the one that the round began with: of two
   * coordinators that do not know of each other one is refused.
   *
   * @return a warning when the rename was done but may not survive a power failure, else empty
   * @throws IOException the new manifest does not have the name
   */
  public String commit(Manifest manifest) throws IOException {
    String id = manifest.computationId();
    CommitLock lock = CommitLock.take(directory.resolve(Manifest.fileName(id) + ".lock"));
    try {
      String present = head(id).map(Manifest.Head::manifestId).orElse("");
      if (!present.equals(manifest.previousManifestId())) {
        throw new IOException("another coordinator has committed or is committing a generation of "
            + id + " in " + directory);
      }
      name(manifest);
    } finally {
      release(lock);
    }
    try {
      syncDirectory();
      return "";
    } catch (IOException e) {
      // The new name is there and others may have read it: going back would be worse.
      return "the manifest's new name is not durable yet: " + e.getMessage();
    }
  }

  /** A network file system may report a failure of what it has done: the name decides. */
  private void name(Manifest manifest) throws IOException {
    String id = manifest.computationId();
    try {
      rename.move(staged(manifest), manifest(id));
    } catch (IOException e) {
      if (!isNamed(manifest)) {
        throw e;
      }
    }
  }

  private boolean isNamed(Manifest manifest) {
    try {
      return head(manifest.computationId())
          .filter(h -> h.manifestId().equals(manifest.manifestId())).isPresent();
    } catch (IOException e) {
      return false;
    }
  }

  /** What is committed stays so: the lock has gone with its channel, at most its file is left. */
  private void release(CommitLock lock) {
    try {
      lock.close();
    } catch (IOException e) {
      log.warn("a lock in {} could not be removed: {}", directory, e.toString());
    }
  }

  /** Removes what {@link #stage} left; nothing there is fine. */
  public void discard(String computationId, String manifestId) throws IOException {
    Files.deleteIfExists(staged(computationId, manifestId));
  }

  /** Removes what coordinators staged that have crashed: no such round can be committed any more. */
  private void removeStale(Manifest committed) throws IOException {
    try (DirectoryStream<Path> files = Files.newDirectoryStream(directory,
        Manifest.fileName(committed.computationId()) + ".coordinator.*temp")) {
      for (Path file : files) {
        if (isStale(file, committed.generation())) {
          Files.deleteIfExists(file);
        }
      }
    }
  }

  private static boolean isStale(Path file, long committed) throws IOException {
    try {
      return Manifest.head(file).generation() <= committed;
    } catch (NoSuchFileException e) {
      return false;
    } catch (IOException e) { // cut off, or being written by a coordinator that will be refused
      return true;
    }
  }

  /**
   * Writes the restart script and points the well-known link at it; returns its path. The new names
   * need not be durable: after a power failure the old script names the same images.
   */
  public Path writeScript(Manifest manifest, String text) throws IOException {
    if (manifest.hasOwnDirectory()) {
      Path own = directory.resolve(Manifest.fileName(manifest.suffix()));
      writeDurably(own, manifest.toJson(), PRIVATE); // the other one is the last generation's
    }
    Path script = script(manifest);
    Path temporary = script.resolveSibling(script.getFileName() + ".temp");
    writeDurably(temporary, text, PosixFilePermissions.fromString("rwx------"));
    Files.move(temporary, script, StandardCopyOption.ATOMIC_MOVE);
    Path link = directory.resolve("dmtcp_restart_script.sh");
    Path newLink = directory.resolve("dmtcp_restart_script.sh.temp");
    Files.deleteIfExists(newLink);
    Files.createSymbolicLink(newLink, script.getFileName());
    Files.move(newLink, link, StandardCopyOption.ATOMIC_MOVE); // never a moment without it
    return script;
  }

  private Path script(Manifest manifest) {
    return directory.resolve("dmtcp_restart_script_" + manifest.suffix() + ".sh");
  }

  /** All that can be restarted by a script of this directory, oldest first. */
  public List<GenerationInfo> list(String host) throws IOException {
    return manifests("*").stream()
        .sorted(Comparator.comparing(Manifest::created))
        .map(m -> new GenerationInfo(
            m.computationId(), m.generation(), m.created().toString(), m.images().size(),
            m.images().stream().mapToLong(ImageInfo::bytes).sum(),
            Files.exists(script(m)) ? script(m).toString() : "",
            m.imagesOf(host).stream().allMatch(i -> Files.exists(Path.of(i.path())))))
        .toList();
  }

  /** Each generation once; a file that is no manifest, or is gone by now, is passed over. */
  private Collection<Manifest> manifests(String computation) throws IOException {
    Map<String, Manifest> found = new LinkedHashMap<>();
    try (DirectoryStream<Path> files =
        Files.newDirectoryStream(directory, "dmtcp_manifest_" + computation + ".json")) {
      for (Path file : files) {
        try {
          Manifest manifest = Manifest.parse(Files.readString(file), file);
          found.putIfAbsent(manifest.manifestId(), manifest);
        } catch (IOException e) {
          continue;
        }
      }
    }
    return found.values();
  }

  /**
   * What no round needs any more; our files of generations whose images this host has removed
   * ({@code --keep}).
   */
  public void prune(Manifest last, String host) throws IOException {
    removeStale(last);
    if (!last.hasOwnDirectory()) {
      return;
    }
    for (Manifest m : manifests(last.computationId() + "_[0-9]*")) {
      List<ImageInfo> here = m.imagesOf(host);
      boolean isGone = here.stream().noneMatch(i -> Files.exists(Path.of(i.path())));
      if (m.generation() < last.generation() && m.hasOwnDirectory() && !here.isEmpty() && isGone) {
        Files.deleteIfExists(script(m));
        Files.deleteIfExists(directory.resolve(Manifest.fileName(m.suffix())));
      }
    }
  }

  private Path manifest(String computationId) {
    return directory.resolve(Manifest.fileName(computationId));
  }

  private Path staged(Manifest manifest) {
    return staged(manifest.computationId(), manifest.manifestId());
  }

  /** Not the name that a node uses, or another coordinator: they may be in the same directory. */
  private Path staged(String computationId, String manifestId) {
    return directory.resolve(
        Manifest.fileName(computationId) + ".coordinator." + manifestId + ".temp");
  }

  private void writeDurably(Path file, String text, Set<PosixFilePermission> mode)
      throws IOException {
    Files.deleteIfExists(file); // may be of another mode, or a link
    try (FileChannel out =
        FileChannel.open(
            file,
            Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
            PosixFilePermissions.asFileAttribute(mode))) {
      ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
      while (bytes.hasRemaining()) {
        out.write(bytes);
      }
      out.force(true);
    }
  }

  private void syncDirectory() throws IOException {
    try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }
}
