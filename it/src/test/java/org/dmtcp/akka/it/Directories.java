package org.dmtcp.akka.it;

import java.io.IOException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;

/** What the tests do with whole directories. */
final class Directories {
  private Directories() {}

  private static final Duration LIMIT = Duration.ofSeconds(30);

  /** Deletes a tree in which a coordinator that is ending may still be at work. */
  static void delete(Path top) throws IOException {
    Wait.until(LIMIT, () -> deletedWhole(top), whole -> whole, () -> top + " to be deleted");
  }

  private static boolean deletedWhole(Path top) throws IOException {
    try {
      Files.walkFileTree(top, new Deleting());
      return true;
    } catch (DirectoryNotEmptyException e) {
      return false; // something was made in it after it had been listed
    }
  }

  private static final class Deleting extends SimpleFileVisitor<Path> {
    @Override
    public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
        throws IOException {
      Files.deleteIfExists(file);
      return FileVisitResult.CONTINUE;
    }

    @Override
    public FileVisitResult visitFileFailed(Path file, IOException e) throws IOException {
      if (e instanceof NoSuchFileException) {
        return FileVisitResult.CONTINUE; // its owner was quicker
      }
      throw e;
    }

    @Override
    public FileVisitResult postVisitDirectory(Path directory, IOException e) throws IOException {
      if (e != null && !(e instanceof NoSuchFileException)) {
        throw e;
      }
      Files.deleteIfExists(directory);
      return FileVisitResult.CONTINUE;
    }
  }

  /** Names in a directory, sorted. */
  static List<String> names(Path directory) throws IOException {
    try (Stream<Path> entries = Files.list(directory)) {
      return entries.map(entry -> entry.getFileName().toString()).sorted().toList();
    }
  }

  static void give(Path path, Account owner) throws IOException {
    if (Accounts.runsAsRoot()) {
      Files.setAttribute(path, "unix:uid", owner.uid());
      Files.setAttribute(path, "unix:gid", owner.gid());
    }
  }
}
