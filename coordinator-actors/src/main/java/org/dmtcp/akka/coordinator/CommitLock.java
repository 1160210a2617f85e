package org.dmtcp.akka.coordinator;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Held by the one coordinator that compares and replaces a manifest. Two may share a directory when
 * the link between their hosts is cut. A lock of the kernel, which a coordinator that dies loses;
 * the file goes with it.
 */
final class CommitLock {
  private static final int MAXIMUM_TOKEN = 1 << 24; // bytes of a file with one page

  private final Path file;
  private final FileChannel channel;

  private CommitLock(Path file, FileChannel channel) {
    this.file = file;
    this.channel = channel;
  }

  /** @throws IOException another coordinator holds it, or the directory cannot be written */
  static CommitLock take(Path file) throws IOException {
    while (true) {
      FileChannel channel =
          FileChannel.open(
              file,
              Set.of(
                  StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE),
              PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
      boolean taken = false;
      try {
        if (!lock(channel)) {
          throw new IOException("another coordinator is committing a generation there");
        }
        taken = isStill(file, channel);
        if (taken) {
          return new CommitLock(file, channel);
        }
      } finally {
        if (!taken) {
          channel.close();
        }
      }
    }
  }

  private static boolean lock(FileChannel channel) throws IOException {
    try {
      return channel.tryLock() != null;
    } catch (OverlappingFileLockException e) {
      return false; // another one in this JVM
    }
  }

  /**
   * Its last owner may have removed it between our opening and our locking. The name is only looked
   * at: to open and close it once more would give up the lock (fcntl_locking(2)).
   */
  private static boolean isStill(Path file, FileChannel channel) throws IOException {
    int token = ThreadLocalRandom.current().nextInt(1, MAXIMUM_TOKEN);
    channel.truncate(0);
    channel.write(ByteBuffer.allocate(1), token - 1);
    try {
      return Files.size(file) == token;
    } catch (NoSuchFileException e) {
      return false;
    }
  }

  void close() throws IOException {
    try (channel) {
      Files.deleteIfExists(file);
    }
  }
}
