package org.dmtcp.akka.coordinator;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import java.util.Set;

/**
 * The coordinator's own files of a generation, in its checkpoint directory. {@link #stage} and
 * {@link #commit} are the two halves of the commit: until the rename in the latter the previous
 * manifest is the valid one, from it on the new one. All calls block.
 */
public final class GenerationStore {
  private static final Set<PosixFilePermission> PRIVATE =
      PosixFilePermissions.fromString("rw-------");

  private final Path directory;

  public GenerationStore(Path directory) {
    this.directory = directory.toAbsolutePath().normalize();
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

  /** Finds out, before anything is stopped, whether a commit here is possible at all. */
  public void probe(String computationId) throws IOException {
    Path file = staged(computationId);
    Files.deleteIfExists(file); // of a coordinator that crashed
    Files.createFile(file, PosixFilePermissions.asFileAttribute(PRIVATE));
    Files.delete(file);
  }

  /** The manifest is durable under its temporary name. */
  public void stage(Manifest manifest) throws IOException {
    writeDurably(staged(manifest.computationId()), manifest.toJson(), PRIVATE);
  }

  /**
   * Renames the staged manifest: the commit.
   *
   * @return a warning when the rename was done but may not survive a power failure, else empty
   * @throws IOException nothing was renamed
   */
  public String commit(Manifest manifest) throws IOException {
    Files.move(
        staged(manifest.computationId()),
        manifest(manifest.computationId()),
        StandardCopyOption.ATOMIC_MOVE);
    try {
      syncDirectory();
      return "";
    } catch (IOException e) {
      // The new name is there and others may have read it: going back would be worse.
      return "the manifest's new name is not durable yet: " + e.getMessage();
    }
  }

  /** Removes what {@link #stage} left; nothing there is fine. */
  public void discard(String computationId) throws IOException {
    Files.deleteIfExists(staged(computationId));
  }

  /**
   * Writes the restart script and points the well-known link at it; returns its path. The new names
   * need not be durable: after a power failure the old script names the same images.
   */
  public Path writeScript(Manifest manifest, String text) throws IOException {
    Path script = directory.resolve("dmtcp_restart_script_" + manifest.computationId() + ".sh");
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

  private Path manifest(String computationId) {
    return directory.resolve(Manifest.fileName(computationId));
  }

  /** Not the name that a node uses, whose images may be in the same directory. */
  private Path staged(String computationId) {
    return directory.resolve(Manifest.fileName(computationId) + ".coordinator.temp");
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
