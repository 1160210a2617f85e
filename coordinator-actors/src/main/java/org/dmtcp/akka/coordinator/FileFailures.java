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
    if (e instanceof AccessDeniedException) {
      return new Failure("image-unwritable", text + "permission denied");
    }
    if (e instanceof NoSuchFileException) {
      return new Failure("image-unwritable", text + "no such directory");
    }
    // Java has no type for it; ENOSPC and EDQUOT come as their strerror(3).
    String reason =
        e instanceof FileSystemException f && f.getReason() != null ? f.getReason()
            : String.valueOf(e.getMessage());
    boolean full = reason.contains("No space left") || reason.contains("quota exceeded");
    return new Failure(full ? "disk-full" : "image-unwritable", text + reason);
  }
}
