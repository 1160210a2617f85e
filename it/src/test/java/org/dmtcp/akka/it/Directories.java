package org.dmtcp.akka.it;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/** What the tests do with whole directories. */
final class Directories {
  private Directories() {}

  static void delete(Path top) throws IOException {
    if (!Files.exists(top, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    try (Stream<Path> all = Files.walk(top)) {
      for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(path);
      }
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
