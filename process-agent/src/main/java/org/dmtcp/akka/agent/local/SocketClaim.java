package org.dmtcp.akka.agent.local;

import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.Set;
import java.util.UUID;
import org.dmtcp.akka.config.RuntimePaths;

/**
 * The right to serve a local socket: a lock on {@code <socket>.lock}, held while this lives. The
 * kernel drops it when the JVM dies, so whoever gets it may remove the socket of a dead one.
 */
final class SocketClaim implements AutoCloseable {
  private static final Set<PosixFilePermission> PRIVATE_DIRECTORY =
      PosixFilePermissions.fromString("rwx------");

  private final Path socket;
  private final Path lockFile;
  private final FileChannel lockChannel;

  private SocketClaim(Path socket, Path lockFile, FileChannel lockChannel) {
    this.socket = socket;
    this.lockFile = lockFile;
    this.lockChannel = lockChannel;
  }

  Path socket() {
    return socket;
  }

  Path lockFile() {
    return lockFile;
  }

  /**
   * Takes the claim and removes the socket a dead owner left.
   *
   * @throws SocketInUseException the owner lives
   */
  static SocketClaim take(Path socket) throws IOException {
    makePrivate(socket.getParent());
    Path lockFile = socket.resolveSibling(socket.getFileName() + ".lock");
    while (true) {
      FileChannel channel = FileChannel.open(lockFile,
          Set.of(StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE),
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
      boolean claimed = false;
      try {
        if (!lock(channel)) {
          throw new SocketInUseException(socket);
        }
        if (isStill(lockFile, channel)) {
          removeStale(socket);
          claimed = true;
          return new SocketClaim(socket, lockFile, channel);
        }
      } finally {
        if (!claimed) {
          channel.close();
        }
      }
    }
  }

  private static boolean lock(FileChannel channel) throws IOException {
    try {
      FileLock lock = channel.tryLock();
      return lock != null;
    } catch (OverlappingFileLockException e) {
      return false; // another server in this JVM
    }
  }

  /**
   * Whether the locked file is the one that the name leads to: (1) we open it, (2) its owner ends
   * and removes it, (3) we lock a file without a name, while (4) another makes and locks a new one.
   */
  private static boolean isStill(Path lockFile, FileChannel channel) throws IOException {
    byte[] token = UUID.randomUUID().toString().getBytes(StandardCharsets.US_ASCII);
    channel.truncate(0);
    channel.write(ByteBuffer.wrap(token), 0);
    try {
      return Arrays.equals(token, Files.readAllBytes(lockFile));
    } catch (NoSuchFileException e) {
      return false;
    }
  }

  private static void removeStale(Path socket) throws IOException {
    if (!Files.exists(socket, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    try {
      SocketChannel.open(UnixDomainSocketAddress.of(socket)).close();
    } catch (IOException e) {
      Files.delete(socket); // refused: nobody listens
      return;
    }
    throw new SocketInUseException(socket); // its lock file was removed by hand
  }

  /** Anyone may make a directory of that name in /tmp: one that is not ours alone is refused. */
  private static void makePrivate(Path directory) throws IOException {
    if (!Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)) {
      Files.createDirectories(directory.getParent());
      try {
        Files.createDirectory(directory, PosixFilePermissions.asFileAttribute(PRIVATE_DIRECTORY));
      } catch (FileAlreadyExistsException e) {
        if (!Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)) {
          throw e;
        }
      }
    }
    Set<PosixFilePermission> mode =
        Files.getPosixFilePermissions(directory, LinkOption.NOFOLLOW_LINKS);
    Object owner = Files.getAttribute(directory, "unix:uid", LinkOption.NOFOLLOW_LINKS);
    if (!owner.equals(RuntimePaths.uid()) || !mode.equals(PRIVATE_DIRECTORY)) {
      throw new IOException(directory + " must belong to this user and have mode 0700");
    }
  }

  /** Gives the claim up and leaves no file behind. */
  @Override
  public void close() {
    try (lockChannel) {
      Files.deleteIfExists(socket);
      Files.deleteIfExists(lockFile); // while locked: see isStill
    } catch (IOException e) {
      // a file that stays is stale and replaced by the next owner
    }
  }
}
