package org.dmtcp.akka.coordinator;

import com.typesafe.config.Config;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Optional;
import java.util.Set;
import org.dmtcp.akka.config.RuntimePaths;

/** What the coordinator tells scripts about itself: {@code --port-file}, {@code --status-file}. */
final class RunFiles implements AutoCloseable {
  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss");

  private static final Path STANDARD_OUTPUT = Path.of("/proc/self/fd/1");

  private final Optional<Path> portFile;
  private final Optional<Path> statusFile;
  private final Path ownLog;

  RunFiles(Config own, int port) {
    String name = RuntimePaths.coordinatorSocket(port);
    this.ownLog = RuntimePaths.of(System.getenv(), name).directory().resolve(name + ".log");
    this.portFile = path(own, "port-file");
    this.statusFile = path(own, "status-file");
  }

  private static Optional<Path> path(Config own, String key) {
    return own.hasPath(key) ? Optional.of(Path.of(own.getString(key))) : Optional.empty();
  }

  /** The coordinator answers from now on: whoever polls the port file may connect. */
  void started(CoordinatorSettings settings) throws IOException {
    if (statusFile.isPresent()) {
      writeOrRemove(statusFile.get(), statusFile.get(), () -> Files.writeString(
          statusFile.get(),
          "Coordinator started: " + now() + "\n" + StatusText.heading(settings) + "\n"));
    }
    if (portFile.isPresent()) {
      Path temporary = portFile.get().resolveSibling(portFile.get().getFileName() + ".temp");
      writeOrRemove(portFile.get(), temporary,
          () -> writeAtOnce(temporary, portFile.get(), String.valueOf(settings.port())));
    }
  }

  private interface Writing {
    void run() throws IOException;
  }

  /** Nothing half-written stays, and the failure names the file. */
  private static void writeOrRemove(Path file, Path partial, Writing writing) throws IOException {
    try {
      writing.run();
    } catch (IOException e) {
      deleteQuietly(partial);
      throw new IOException(file + ": " + FileFailures.reason(e), e);
    }
  }

  /** Under a temporary name first: a reader sees the whole number or no file. */
  private static void writeAtOnce(Path temporary, Path file, String text) throws IOException {
    Files.deleteIfExists(temporary);
    try (FileChannel out =
        FileChannel.open(
            temporary,
            Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")))) {
      out.write(ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)));
      out.force(true);
    }
    Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
  }

  void signalled(int number) {
    append("> Exiting due to signal " + number + " received.\n");
  }

  @Override
  public void close() {
    append("Coordinator exited: " + now() + "\n");
    portFile.ifPresent(RunFiles::deleteQuietly);
    removeEmptyLog();
  }

  /** In the background and given no log, we write one in the run-time directory. */
  private void removeEmptyLog() {
    try {
      if (Files.exists(ownLog) && Files.isSameFile(ownLog, STANDARD_OUTPUT)
          && Files.size(ownLog) == 0) {
        Files.delete(ownLog);
      }
    } catch (IOException e) {
      System.err.println("dmtcp_coordinator: " + ownLog + ": " + e.getMessage());
    }
  }

  private void append(String text) {
    if (statusFile.isPresent() && Files.exists(statusFile.get())) {
      try {
        Files.writeString(statusFile.get(), text, StandardOpenOption.APPEND);
      } catch (IOException e) {
        System.err.println("dmtcp_coordinator: " + statusFile.get() + ": " + e.getMessage());
      }
    }
  }

  private static void deleteQuietly(Path file) {
    try {
      if (Files.isRegularFile(file)) { // not a /dev/stderr that somebody gave
        Files.delete(file);
      }
    } catch (IOException e) {
      System.err.println("dmtcp_coordinator: " + file + ": " + e.getMessage());
    }
  }

  private static String now() {
    return LocalDateTime.now().format(TIME);
  }
}
