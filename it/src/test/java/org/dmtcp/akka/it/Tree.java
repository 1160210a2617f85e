package org.dmtcp.akka.it;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;

/** The built commands, and the folder in which all tests of this run work. */
final class Tree {
  private static final Duration LIMIT = Duration.ofMinutes(2);

  /** The source tree: {@code bin}, {@code lib} and {@code it} are in it. */
  static final Path SOURCE =
      Path.of(System.getProperty("dmtcp.it.tree", "..")).toAbsolutePath().normalize();

  /** Everybody may look into it; removed at the end unless a test left something to look at. */
  static final Path WORK = makeWork();

  private static Path installed;

  private Tree() {}

  /**
   * Folder that holds {@code bin} and {@code lib} and that the plain user can read: the source tree,
   * or a copy of them when it stands in somebody's private folder.
   */
  static synchronized Path installed() throws IOException {
    if (installed == null) {
      Path launch = SOURCE.resolve("bin/dmtcp_launch");
      if (!Files.isExecutable(launch)) {
        throw new IOException(launch + " is missing: build first, with ./quickstart");
      }
      Account plain = Accounts.find(Account.PLAIN).orElseThrow();
      List<String> words = plain.command(List.of(launch.toString(), "--version"));
      Outcome readable = Command.run(LIMIT, words.toArray(String[]::new));
      Victims.build(); // a copy takes them along
      installed = readable.status() == 0 ? SOURCE : copy();
    }
    return installed;
  }

  /** A command of ours. */
  static String bin(String name) throws IOException {
    return installed().resolve("bin").resolve(name).toString();
  }

  /** A built victim or helper of the tests. */
  static String victim(String name) throws IOException {
    return installed().resolve("it/victims/build").resolve(name).toString();
  }

  private static Path copy() throws IOException {
    Path target = WORK.resolve("tree");
    Files.createDirectories(target.resolve("it/victims"));
    for (String part : new String[] {"bin", "lib", "it/victims/build"}) {
      String into = target.resolve(part).getParent().toString();
      Command.run(LIMIT, "cp", "-r", SOURCE.resolve(part).toString(), into);
    }
    Command.run(LIMIT, "chmod", "-R", "a+rX", target.toString());
    return target;
  }

  private static Path makeWork() {
    try {
      Path work = shortDirectory();
      Files.setPosixFilePermissions(work, PosixFilePermissions.fromString("rwxr-xr-x"));
      Runtime.getRuntime().addShutdownHook(new Thread(() -> {
        Coordinators.closeAll();
        removeIfEmpty(work);
      }));
      Janitor.watch(work);
      return work;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void removeIfEmpty(Path work) {
    try {
      Directories.delete(work.resolve("tree"));
      Files.deleteIfExists(work);
    } catch (IOException e) {
      System.err.println("left to look at: " + work);
    }
  }

  /** The path of a socket below it must fit into 100 bytes, or the commands put it elsewhere. */
  private static Path shortDirectory() throws IOException {
    String name = "dmtcp-it-" + Long.toString(System.nanoTime() & 0xffffffffL, 36);
    return Files.createDirectory(Path.of(System.getProperty("java.io.tmpdir"), name));
  }
}
