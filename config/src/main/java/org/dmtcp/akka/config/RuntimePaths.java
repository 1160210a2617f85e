package org.dmtcp.akka.config;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Where the parts of one user's system on one host meet: the rule of {@code
 * docs/local-protocol.md}, which the native commands follow too.
 *
 * @param directory {@code <tmpdir>/dmtcp-<user>@<host>}, absolute
 * @param suffix part of socket names that keeps two long tmpdirs apart, else empty
 */
public record RuntimePaths(Path directory, String suffix) {
  /** {@code sun_path} holds 108 bytes, see unix(7); the limit leaves room for a temporary name. */
  private static final int MAX_SOCKET_PATH_BYTES = 100;

  private static final Set<PosixFilePermission> OWNER_ONLY =
      PosixFilePermissions.fromString("rwx------");

  /** Of this process: its environment, effective user and host. */
  public static RuntimePaths of(Map<String, String> environment, String socketName) {
    return of(environment, userName(), hostName(), socketName);
  }

  /**
   * @param socketName without {@code .sock}, for example {@code coordinator-7779}: what decides
   *     whether the path is too long
   */
  static RuntimePaths of(
      Map<String, String> environment, String user, String host, String socketName) {
    String tmpdir = first(environment, "DMTCP_TMPDIR", "TMPDIR", "/tmp");
    Path base = Path.of(tmpdir).toAbsolutePath();
    String name = "dmtcp-" + user + "@" + host;
    Path directory = base.resolve(name);
    if (bytes(directory.resolve(socketName + ".sock")) <= MAX_SOCKET_PATH_BYTES) {
      return new RuntimePaths(directory, "");
    }
    String hash = String.format("%016x", fnv1a(base.toString())).substring(0, 8);
    return new RuntimePaths(Path.of("/tmp", name), "-" + hash);
  }

  /** Path of a socket in the directory. */
  public Path socket(String socketName) {
    return directory.resolve(socketName + suffix + ".sock");
  }

  /** Name of the socket of a coordinator on this host. */
  public static String coordinatorSocket(int port) {
    return "coordinator-" + port;
  }

  /** Name of the socket of the agent of a coordinator elsewhere, given its address. */
  public static String agentSocket(String coordinatorAddress, int port) {
    return "agent-" + coordinatorAddress + "-" + port;
  }

  /**
   * Makes the directory where it is missing.
   *
   * @throws IOException it is not ours alone, or cannot be made
   */
  public void create() throws IOException {
    Files.createDirectories(directory.getParent());
    try {
      Files.createDirectory(directory, PosixFilePermissions.asFileAttribute(OWNER_ONLY));
    } catch (FileAlreadyExistsException e) {
      // Whoever may write in /tmp may have made it first: then nothing in it can be trusted.
      int owner = (Integer) Files.getAttribute(directory, "unix:uid", LinkOption.NOFOLLOW_LINKS);
      if (!Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS) || owner != uid()) {
        throw new IOException(directory + " belongs to another user or is no directory", e);
      }
      Files.setPosixFilePermissions(directory, OWNER_ONLY);
    }
  }

  /** Name of the effective user; its number where it has none. */
  public static String userName() {
    String name = System.getProperty("user.name", "?"); // getpwuid(geteuid()), "?" if unknown
    return name.equals("?") ? String.valueOf(uid()) : name;
  }

  /** Number of the effective user: the second of {@code Uid:}, see proc_pid_status(5). */
  public static int uid() {
    try (Stream<String> lines = Files.lines(Path.of("/proc/self/status"))) {
      return lines
          .filter(line -> line.startsWith("Uid:"))
          .mapToInt(line -> Integer.parseUnsignedInt(line.split("\\s+")[2]))
          .findFirst()
          .orElseThrow();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** What gethostname(2) says: the kernel shows the same here, see proc_sys_kernel(5). */
  public static String hostName() {
    try {
      return Files.readString(Path.of("/proc/sys/kernel/hostname")).strip();
    } catch (IOException e) {
      return "localhost";
    }
  }

  private static int bytes(Path path) {
    return path.toString().getBytes(StandardCharsets.UTF_8).length;
  }

  private static String first(Map<String, String> environment, String a, String b, String other) {
    String value = environment.getOrDefault(a, "");
    value = value.isEmpty() ? environment.getOrDefault(b, "") : value;
    return value.isEmpty() ? other : value;
  }

  /** FNV-1a, 64 bits: five lines in any language, and no secret depends on it. */
  static long fnv1a(String text) {
    long hash = 0xcbf29ce484222325L;
    for (byte b : text.getBytes(StandardCharsets.UTF_8)) {
      hash = (hash ^ (b & 0xff)) * 0x100000001b3L;
    }
    return hash;
  }
}
