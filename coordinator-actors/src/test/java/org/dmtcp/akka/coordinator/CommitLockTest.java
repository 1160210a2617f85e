package org.dmtcp.akka.coordinator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CommitLockTest {
  @TempDir Path dir;

  @Test
  void theKernelHoldsItUntilItIsClosed() throws IOException {
    Path file = dir.resolve("lock");
    CommitLock lock = CommitLock.take(file);
    String inode = ":" + Files.getAttribute(file, "unix:ino") + " ";
    String pid = " " + ProcessHandle.current().pid() + " ";

    assertEquals(
        1,
        Files.readAllLines(Path.of("/proc/locks")).stream()
            .filter(line -> line.contains("POSIX") && line.contains(pid) && line.contains(inode))
            .count());
    assertThrows(IOException.class, () -> CommitLock.take(file));

    lock.close();
    assertFalse(Files.exists(file));
  }
}
