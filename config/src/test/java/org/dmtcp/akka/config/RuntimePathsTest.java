package org.dmtcp.akka.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RuntimePathsTest {
  @TempDir Path dir;

  @Test
  void followsTheEnvironment() {
    assertEquals("/a/dmtcp-u@h/s.sock", socket(Map.of("DMTCP_TMPDIR", "/a", "TMPDIR", "/b")));
    assertEquals("/b/dmtcp-u@h/s.sock", socket(Map.of("DMTCP_TMPDIR", "", "TMPDIR", "/b")));
    assertEquals("/tmp/dmtcp-u@h/s.sock", socket(Map.of()));
  }

  @Test
  void movesALongPathToTmpAndKeepsItApart() {
    String one = socket(Map.of("DMTCP_TMPDIR", "/" + "x".repeat(100)));
    String two = socket(Map.of("DMTCP_TMPDIR", "/" + "y".repeat(100)));

    assertTrue(one.matches("/tmp/dmtcp-u@h/s-[0-9a-f]{8}\\.sock"), one);
    assertTrue(!one.equals(two));
  }

  /** The values are those of the algorithm's own page, so that the C side can be held to them. */
  @Test
  void hashesAsFnv1aDoes() {
    assertEquals(0xcbf29ce484222325L, RuntimePaths.fnv1a(""));
    assertEquals(0xaf63dc4c8601ec8cL, RuntimePaths.fnv1a("a"));
    assertEquals(0x85944171f73967e8L, RuntimePaths.fnv1a("foobar"));
  }

  @Test
  void makesADirectoryThatIsTheUsersAlone() throws IOException {
    RuntimePaths paths = new RuntimePaths(dir.resolve("a/b"), "");
    paths.create();
    Files.setPosixFilePermissions(paths.directory(), PosixFilePermissions.fromString("rwxrwxrwx"));
    paths.create();

    assertEquals(
        PosixFilePermissions.fromString("rwx------"),
        Files.getPosixFilePermissions(paths.directory()));
  }

  @Test
  void refusesADirectoryThatIsALink() throws IOException {
    Files.createSymbolicLink(dir.resolve("link"), dir);

    assertThrows(IOException.class, () -> new RuntimePaths(dir.resolve("link"), "").create());
  }

  private static String socket(Map<String, String> environment) {
    return RuntimePaths.of(environment, "u", "h", "s").socket("s").toString();
  }
}
