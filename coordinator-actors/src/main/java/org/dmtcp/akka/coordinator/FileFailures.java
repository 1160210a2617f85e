package org.dmtcp.akka.coordinator;

import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.concurrent.CompletionException;
import org.dmtcp.akka.protocol.Failure;

/** From what Java says of a file to what a user is told. */
final class FileFailures {
  private FileFailures() {}

  static Failure of(Throwable thrown, GenerationStore store) {
    Throwable e =
        thrown instanceof CompletionException && thrown.getCause() != null
            ? thrown.getCause()
            : thrown;
    String text = "the checkpoint directory " + store.directory() + " of the coordinator: ";
    String reason = reason(e);
    boolean full = reason.contains("No space left") || reason.contains("quota exceeded");
    return new Failure(full ? "disk-full" : "image-unwritable", text + reason);
  }

  /** Without the path, which the file system's exceptions have as their whole message. */
  static String reason(Throwable e) {
    if (e instanceof AccessDeniedException) {
      return "permission denied";
    }
    if (e instanceof NoSuchFileException) {
      return "no such directory";
    }
    // Java has no type for it; ENOSPC and EDQUOT come as their strerror(3).
    return e instanceof FileSystemException f && f.getReason() != null
        ? f.getReason() : String.valueOf(e.getMessage());
  }
}
